// As much more of a page as shows a workspace without messages.
import './dom.mjs';

const Fake = document.createElement('p').constructor;
const nodes = new Map();
export const kept = new Map(); // what the browser keeps
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
export const sources = []; // opened, oldest first
Object.assign(globalThis, {
  localStorage: storage, sessionStorage: storage, location: { search: '' }, history: { replaceState() {} }, matchMedia: () => ({ matches: true }),
  EventSource: class {
    static CLOSED = 2;
    constructor(url) { this.url = url; this.heard = {}; sources.push(this); }
    addEventListener(type, fn) { this.heard[type] = fn; }
    close() { this.closed = true; }
  },
});

// workspace is what page/state says of one with people of some names.
export const workspace = (...people) => ({
  bot: { name: 'llm' }, team: { name: 'Team' }, notice: '', commands: [],
  users: people.map((name) => ({ id: 'U' + name, name, real_name: name, bot: false })),
  channels: [{ id: 'C1', name: 'general', kind: 'channel', bot: true, members: people.map((name) => 'U' + name) }, { id: 'C2', name: 'leads', kind: 'private', bot: true, members: ['U' + people.at(-1)] }],
});
