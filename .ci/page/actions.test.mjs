import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import './dom.mjs';
import { wireActions } from '../../bot/slacksim/web/actions.js';
import { S } from '../../bot/slacksim/web/store.js';

// As much more of a document as buttons that come and go need.
const Fake = globalThis.Element = document.createElement('p').constructor;
const up = (e, good) => { while (e && !good(e)) e = e.parentNode; return e ?? null; };
Object.assign(Fake.prototype, {
  closest(selector) { return up(this, (e) => `.${e.className}` === selector); },
  contains(e) { return !!up(e, (x) => x === this); },
  focus() { document.activeElement = this; pane.on.focusin({ target: this }); },
});
Object.defineProperty(Fake.prototype, 'isConnected', { get() { return !!up(this, (e) => e === pane.node); } });
document.createElementNS = (ns, tag) => document.createElement(tag);

const pane = { on: {}, node: document.createElement('main'), addEventListener: (type, fn) => { pane.on[type] = fn; } };
wireActions(pane);

// shown puts a message on the pane.
function shown(m) {
  const e = document.createElement('div');
  e.className = 'msg';
  e.message = { m, inThread: false };
  pane.node.append(e);
  return e;
}
const tools = (e) => e.childNodes.find((k) => k.className === 'tools')?.childNodes ?? [];
const answer = { channel: 'C1', ts: '1.1', user: 'UBOT', bot: true, v: 1 };

beforeEach(() => {
  S.me = 'U1';
  document.activeElement = null;
});

test('a message that grows keeps its buttons', () => {
  const e = shown(answer);
  e.focus();
  const [reply, quote] = tools(e);
  assert.deepEqual(tools(e).map((b) => b.ariaLabel), ['Reply in thread', 'Quote', 'Copy link', 'Forward']);
  for (const [v, b] of [[2, reply], [3, quote], [4, reply]]) {
    e.message = { m: { ...answer, v }, inThread: false };
    b.focus(); // by Tab, or because it is pressed
    assert.ok(b.isConnected && tools(e).includes(b), `version ${v}`);
    assert.equal(document.activeElement, b);
  }
});

test('what a message no longer offers is gone, and the focus stays on the message', () => {
  const mine = { ...answer, user: 'U1', bot: false };
  const e = shown(mine);
  e.focus();
  assert.equal(tools(e).length, 6);
  e.message = { m: { ...mine, v: 2, tombstone: true }, inThread: false };
  tools(e)[5].focus();
  assert.equal(tools(e).length, 0);
  assert.equal(document.activeElement, e);
});

test('one message has buttons at a time', () => {
  const [a, b] = [shown(answer), shown({ ...answer, ts: '2.2' })];
  a.focus();
  b.focus();
  assert.deepEqual([tools(a).length, tools(b).length], [0, 4]);
});
