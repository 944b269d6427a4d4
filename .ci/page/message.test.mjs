import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workspace } from './page.mjs';

const { follows, messageSpec } = await import('../../bot/slacksim/web/message.js');
const { S } = await import('../../bot/slacksim/web/store.js');
S.state = workspace('alice', 'bob');
S.state.users.push({ id: 'UBOT', name: 'llm', bot: true }, { id: 'Ugina', name: 'gina', guest: true });
S.me = 'Ualice';

const at = (ts, more) => ({ channel: 'C1', ts, user: 'Ubob', text: 'hello', v: 1, replies: 0, ...more });
const drawn = (m, inThread = false, before = null) => messageSpec(m, inThread, before).make();
const parts = (node) => [...node.children[1].kids.keys()];
const has = (node, cls) => node.className?.split(' ').includes(cls) || (node.childNodes || []).some((k) => has(k, cls));
const text = { type: 'section', text: { type: 'mrkdwn', text: 'ok' } };

test('a message stands under the name of the one before it for five minutes', () => {
  const m = at('1000.1');
  for (const [next, want] of [
    [at('1299.0'), true], [at('1300.2'), false], [at('1001.0', { user: 'Ualice' }), false], [at('1001.0', { ephemeral: true }), false], [at('1001.0', { tombstone: true }), false], [at('1001.0', { app: 'Alerts' }), false],
  ]) assert.equal(follows(next, m), want, JSON.stringify(next));
  assert.equal(follows(at('1001.0'), at('1000.1', { replies: 1 })), false);
  assert.equal(follows(at('1001.0'), null), false);
});

test('who wrote it, and what they are', () => {
  for (const [m, want] of [[at('1.1'), ['bob', []]], [at('1.1', { user: 'UBOT', bot: true }), ['llm', ['APP']]], [at('1.1', { user: 'Ugina' }), ['gina', ['GUEST']]], [at('1.1', { app: 'Alerts', bot: true, user: '' }), ['Alerts', ['APP']]]]) {
    const head = drawn(m).children[1].kids.get('head').node;
    const spans = head.childNodes.filter((k) => k.nodeName === 'SPAN').map((k) => k.textContent);
    assert.deepEqual([spans[0], spans.slice(1)], want);
  }
});

test('what stands in a message', () => {
  for (const [m, want, inThread] of [
    [at('1.1'), ['head', 'text']],
    [at('1.1', { blocks: [text] }), ['head', 'block 0 section']],
    [at('1.1', { ephemeral: true, edited: true }), ['only', 'head', 'text', 'edited']],
    [at('1.1', { tombstone: true, edited: true, replies: 2, last_reply: '2.1' }), ['head', 'gone', 'thread']],
    [at('1.1', { replies: 2, last_reply: '2.1' }), ['head', 'text'], true],
    [at('1.1', { files: [{ id: 'F1', name: 'a.txt', type: 'text/plain', size: 3 }] }), ['head', 'text', 'files']],
    [at('1.1', { attachments: [{ text: 'x' }] }), ['head', 'text', 'attachments']],
    [at('1.1', { text: '', attachments: [{ text: 'x' }] }), ['head', 'attachments']],
    [at('1.1', { stream: 'live' }), ['head', 'text', 'live']], [at('1.1', { stream: 'broken' }), ['head', 'text', 'broken']],
  ]) assert.deepEqual(parts(drawn(m, inThread)), want);
});

test('a message that nobody could draw does not stop the others', () => {
  for (const more of [{ blocks: [null] }, { blocks: [{ type: 'section', accessory: {} }, text] }, { attachments: [null, { blocks: [null] }] }]) assert.ok(has(drawn(at('1.1', more)), 'body'), JSON.stringify(more));
});

test('a button of a message tells which message', async () => {
  const sent = [];
  globalThis.fetch = async (path, { body }) => { sent.push([path, JSON.parse(body)]); return { ok: true, json: async () => ({}) }; };
  const button = { type: 'button', action_id: 'ack', value: '1', text: { type: 'plain_text', text: 'Ack' } };
  const node = drawn(at('1.1', { attachments: [{ blocks: [{ type: 'actions', elements: [button] }] }] }));
  const find = (n) => (n.nodeName === 'BUTTON' ? n : (n.childNodes || []).map(find).find(Boolean));
  await find(node.children[1].kids.get('attachments').node).onclick();
  assert.deepEqual(sent, [['page/click', { user: 'Ualice', channel: 'C1', ts: '1.1', action_id: 'ack', value: '1' }]]);
});

test('what did not change is left alone', () => {
  const node = drawn(at('1.1', { blocks: [text, { type: 'divider' }] }));
  const kids = [...node.children[1].kids.values()].map((k) => k.node);
  messageSpec(at('1.1', { v: 2, blocks: [text, { type: 'header', text: { type: 'plain_text', text: 'new' } }] }), false, null).update(node);
  const now = [...node.children[1].kids.values()].map((k) => k.node);
  assert.deepEqual([now[0] === kids[0], now[1] === kids[1], now[2] === kids[2], now[2].textContent], [true, true, false, 'new']);
});
