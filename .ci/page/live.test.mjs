import assert from 'node:assert/strict';
import { test } from 'node:test';
import './dom.mjs';

// As much more of a page as shows a workspace without messages.
const Fake = document.createElement('p').constructor;
const nodes = new Map();
const kept = new Map();
const storage = { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v), removeItem: (k) => kept.delete(k) };
Object.assign(Fake.prototype, {
  style: {},
  focus() {},
  replaceChildren(...kids) {
    for (const k of [...this.childNodes]) k.remove();
    this.append(...kids);
  },
  querySelectorAll: () => [],
  querySelector(selector) { return this[selector] ??= document.createElement(selector); },
});
Object.defineProperty(Fake.prototype, 'children', { get() { return this.childNodes.filter((k) => k.nodeType === 1); } });
Object.defineProperty(Fake.prototype, 'textContent', { get() { return this.childNodes.map((k) => k.data ?? k.textContent).join(''); }, set(v) { this.replaceChildren(String(v)); } });
document.getElementById = (id) => {
  if (!nodes.has(id)) nodes.set(id, Object.assign(document.createElement('div'), { id }));
  return nodes.get(id);
};
document.createElementNS = (ns, tag) => document.createElement(tag);
let source;
Object.assign(globalThis, {
  localStorage: storage, sessionStorage: storage, location: { search: '' }, history: { replaceState() {} }, matchMedia: () => ({ matches: true }),
  EventSource: class {
    static CLOSED = 2;
    constructor(url) { this.url = url; source = this; }
    addEventListener() {}
    close() { this.closed = true; }
  },
});

const { ctx } = await import('../../bot/slacksim/web/hooks.js');
const { listen } = await import('../../bot/slacksim/web/live.js');
const { S } = await import('../../bot/slacksim/web/store.js');
const { describe, go } = await import('../../bot/slacksim/web/view.js');

// workspace is what page/state says of one with people of some names.
const workspace = (...people) => ({
  bot: { name: 'llm' }, team: { name: 'Team' }, notice: '', commands: [],
  users: people.map((name) => ({ id: 'U' + name, name, real_name: name, bot: false })),
  channels: [{ id: 'C1', name: 'general', kind: 'channel', bot: true, members: people.map((name) => 'U' + name) }, { id: 'C2', name: 'leads', kind: 'private', bot: true, members: ['U' + people.at(-1)] }],
});

test('who is gone after a restart is told who they are now, and reads as that person', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let state = S.state = workspace('alice', 'bob', 'carol');
  globalThis.fetch = async () => ({ json: async () => state });
  const heard = [];
  ctx.on('user', (id) => heard.push(id));
  S.me = 'Ucarol';
  describe();
  go('leads');
  listen();
  S.thread = '1.1';
  kept.set('llmbot draft Ucarol C2', '"of Carol"');
  kept.set('llmbot draft Ualice C1', '"of Alice"');

  // restart loses the connection and goes on when the page has asked how the workspace is.
  const restart = async () => {
    Object.assign(source, { readyState: 2 }).onerror();
    t.mock.timers.tick(2000);
    for (let i = 0; i < 10; i++) await null;
  };
  await restart();
  assert.deepEqual([S.me, S.channel, S.thread, source.url, heard], ['Ucarol', 'C2', '1.1', 'page/events?user=Ucarol', []], 'a restart alone changes nobody');
  assert.equal(document.getElementById('toast').textContent, '');

  const before = source;
  state = workspace('alice', 'bob');
  await restart();
  assert.deepEqual([S.me, S.channel, S.thread, source.url, heard], ['Ualice', 'C1', null, 'page/events?user=Ualice', ['Ualice']]);
  assert.ok(before.closed);
  assert.equal(document.getElementById('me').value, 'Ualice');
  assert.equal(document.getElementById('box').querySelector('textarea').value, 'of Alice');
  assert.equal(document.getElementById('toast').textContent, 'carol is not here any more. You are alice.');
});
