import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { kept, workspace } from './page.mjs';

const { input, recallDraft, wire } = await import('../../bot/slacksim/web/compose.js');
const { picked, pasted } = await import('../../bot/slacksim/web/attach.js');
const { S } = await import('../../bot/slacksim/web/store.js');
globalThis.window = { innerHeight: 900 };
globalThis.Event = class { constructor(type) { this.type = type; } };
const Fake = document.createElement('p').constructor;
Object.assign(Fake.prototype, {
  addEventListener() {}, setRangeText(text, from, to) { this.value = this.value.slice(0, from) + text + this.value.slice(to); this.selectionStart = this.value.length; },
  dispatchEvent() { this.oninput?.(); }, requestSubmit() { this.onsubmit({ preventDefault() {} }); }, scrollTo() {},
});
for (const id of ['box', 'reply']) document.getElementById(id).querySelectorAll = () => [document.createElement('button'), document.createElement('button')];
for (const id of ['list', 'replies']) {
  const around = document.createElement('div');
  around.append(document.getElementById(id));
  Object.defineProperty(document.getElementById(id), 'parentElement', { get: () => around });
}
S.state = workspace('alice', 'bob');
S.state.commands = ['/llm-status'];
for (const form of ['box', 'reply']) {
  document.getElementById(form).querySelector('.names').querySelector = function find(selector) { return this.childNodes.find((k) => '.' + k.className === selector) ?? null; };
  wire(form);
}

const sent = [];
let answer;
beforeEach(() => {
  sent.length = 0;
  kept.clear();
  answer = { ok: true, json: async () => ({ ts: '9.9' }) };
  globalThis.fetch = async (path, options) => {
    sent.push([path, options && JSON.parse(options.body)]);
    return path === 'page/state' ? { json: async () => S.state } : answer;
  };
  Object.assign(S, { me: 'Ualice', channel: 'C1', thread: null });
  picked.box = [];
  pasted.box = null;
});
const idle = async () => { for (let i = 0; i < 30; i++) await null; };
const box = (form = 'box') => input(form);
async function type(text, form = 'box') {
  box(form).value = text;
  box(form).selectionStart = text.length;
  box(form).oninput();
  await idle();
}
async function key(name, form = 'box', more = {}) {
  box(form).onkeydown({ key: name, preventDefault() {}, stopPropagation() {}, ...more });
  await idle();
}
const menu = (form = 'box') => document.getElementById(form).querySelector('.names');

test('Enter sends, Shift and Enter does not', async () => {
  await type('hello');
  await key('Enter', 'box', { shiftKey: true });
  assert.deepEqual(sent, []);
  await key('Enter', 'box', { isComposing: true });
  assert.deepEqual(sent, []);
  await key('Enter');
  assert.deepEqual(sent, [['page/say', { user: 'Ualice', channel: 'C1', thread_ts: '', text: 'hello', files: [] }]]);
  assert.equal(box().value, '');
});

test('nothing is not sent', async () => {
  await type('   ');
  await key('Enter');
  assert.deepEqual(sent, []);
});

test('what was not taken comes back into the box, with the reason', async () => {
  answer = { ok: false, json: async () => ({ error: 'the message is too long' }) };
  await type('a long text');
  await key('Enter');
  assert.equal(box().value, 'a long text');
  assert.equal(document.getElementById('toast').textContent, 'the message is too long');
});

test('commands, /me and threads', async () => {
  S.thread = '1.1';
  for (const [text, form, want] of [
    ['/llm-status now', 'box', ['page/command', { user: 'Ualice', channel: 'C1', command: '/llm-status', text: 'now' }]], ['/me waves', 'box', ['page/me', { user: 'Ualice', channel: 'C1', thread_ts: '', text: 'waves' }]],
    ['yes', 'reply', ['page/say', { user: 'Ualice', channel: 'C1', thread_ts: '1.1', text: 'yes', files: [] }]], ['/ no command', 'box', ['page/say', { user: 'Ualice', channel: 'C1', thread_ts: '', text: '/ no command', files: [] }]],
  ]) {
    sent.length = 0;
    await type(text, form);
    menu(form).hidden = true;
    await key('Enter', form);
    assert.deepEqual(sent[0], want);
  }
  await type('/llm-status', 'reply');
  await key('Enter', 'reply');
  assert.equal(document.getElementById('toast').textContent, 'Slash commands do not work in threads');
  assert.equal(box('reply').value, '/llm-status');
});

test('a draft is kept for its place, and gone when it is sent', async () => {
  await type('half a thou');
  box().value = '';
  recallDraft('box');
  assert.equal(box().value, 'half a thou');
  S.channel = 'C2';
  recallDraft('box');
  assert.equal(box().value, '');
  S.channel = 'C1';
  recallDraft('box');
  await key('Enter');
  recallDraft('box');
  assert.equal(box().value, '');
});

test('names are offered and chosen by key', async () => {
  await type('ask @b');
  assert.deepEqual([menu().hidden, menu().childNodes.map((k) => k.textContent)], [false, ['@bob']]);
  await key('Tab');
  assert.equal(box().value, 'ask @bob ');
  assert.equal(menu().hidden, true);
  await type('@');
  await key('Escape');
  assert.equal(menu().hidden, true);
  assert.deepEqual(sent, []);
});

test('who mentions the bot where it is not is told', async () => {
  S.state.channels[1].bot = false;
  S.state.channels[1].members.push('Ualice');
  S.channel = 'C2';
  await type('@llm hello there');
  await key('Enter');
  assert.match(document.getElementById('toast').textContent, /is not in this channel and hears nothing here. Invite it: \/invite @llm/);
  await type('/invite @bob');
  await key('Enter');
  assert.match(document.getElementById('toast').textContent, /only the bot can be invited/);
});
