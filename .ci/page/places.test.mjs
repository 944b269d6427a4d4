import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import './dom.mjs';

// A browser with pages: locks, a channel between the pages, timers, and who is in sight. What runs
// for a page runs as that page.
let pages = [];
let current = null;
let timers = [];
let held = new Map();
let waiting = [];
const as = (p, fn) => { const before = current; current = p; try { return fn(); } finally { current = before; } };
Object.defineProperty(document, 'hidden', { get: () => current.hidden });
globalThis.setTimeout = (fn, ms) => { timers.push({ fn, at: now + ms, page: current }); return timers.length; };
let now = 0;

function grant() {
  for (const r of [...waiting]) {
    if (!waiting.includes(r) || held.has(r.name)) continue;
    waiting.splice(waiting.indexOf(r), 1);
    const until = as(r.page, () => r.fn({ name: r.name }));
    if (!until) continue;
    held.set(r.name, r.page);
    until.then(() => { held.delete(r.name); grant(); });
  }
}
const locks = {
  request: (name, { signal }, fn) => new Promise((done, failed) => {
    const r = { name, fn, page: current };
    waiting.push(r);
    signal.addEventListener('abort', () => { waiting = waiting.filter((x) => x !== r); failed(new Error('aborted')); });
    Promise.resolve().then(grant);
  }),
};
Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true });
globalThis.BroadcastChannel = class {
  constructor() { this.page = current; current.channel = this; }
  postMessage(data) { for (const p of pages) if (p !== this.page) as(p, () => p.channel.onmessage({ data })); }
};

const settle = async () => { for (let i = 0; i < 50; i++) await null; };
// later lets time pass.
async function later(ms) {
  for (const end = now + ms; ;) {
    await settle();
    const next = timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
    if (!next) { now = end; return; }
    timers = timers.filter((t) => t !== next);
    now = next.at;
    as(next.page, next.fn);
  }
}

let n = 0;
// open opens a page that is in sight; the one that was is hidden.
async function open({ window = false } = {}) {
  const p = { hidden: false, live: false, told: 0, name: ++n };
  if (!window) for (const o of pages) o.hidden = true;
  pages.push(p);
  current = p;
  p.mod = await import('../../bot/slacksim/web/places.js?' + n);
  as(p, () => p.mod.place(() => { p.live = true; }, () => { p.live = false; }, () => { p.told++; }));
  current = null;
  await later(1000);
  return p;
}
async function look(p) {
  for (const o of pages) o.hidden = o !== p;
  as(p, () => p.mod.press());
  await later(1000);
}
const live = () => pages.filter((p) => p.live).length;

beforeEach(() => {
  pages = []; timers = []; held = new Map(); waiting = [];
});

test('the page that is looked at is live, of twelve in one window', async () => {
  for (let i = 0; i < 12; i++) {
    const p = await open();
    assert.ok(p.live, 'page ' + i);
    assert.ok(live() <= 4, live() + ' listen');
  }
  for (const p of [...pages, ...pages.toReversed()]) {
    await look(p);
    await later(3000);
    assert.ok(p.live, 'page ' + p.name);
    assert.equal(live(), 4, 'hidden ones have what is left');
    assert.equal(p.told, 0);
  }
});

test('of more windows than may listen, those in sight keep their place, and the last is told', async () => {
  for (let i = 0; i < 6; i++) await open({ window: true });
  await later(5000);
  assert.deepEqual(pages.map((p) => [p.live, p.told]), [[true, 0], [true, 0], [true, 0], [true, 0], [false, 1], [false, 1]]);
  as(pages[0], () => { pages[0].live = false; pages[0].mod.leave(); }); // it is closed
  await later(100);
  assert.deepEqual(pages.map((p) => p.live), [false, true, true, true, true, false]);
});

test('a page that was told goes on when another one is hidden, and not closed', async () => {
  for (let i = 0; i < 5; i++) await open({ window: true });
  await later(5000);
  assert.deepEqual(pages.map((p) => [p.live, p.told]), [[true, 0], [true, 0], [true, 0], [true, 0], [false, 1]]);
  pages[1].hidden = true; // minimised, or behind another window
  as(pages[1], () => pages[1].mod.hid?.());
  await later(1000);
  assert.deepEqual(pages.map((p) => [p.live, p.told]), [[true, 0], [false, 0], [true, 0], [true, 0], [true, 1]]);
  await later(5000);
  assert.equal(pages[4].told, 1);
});

test('where a browser has no locks, every page listens', async () => {
  Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
  for (let i = 0; i < 6; i++) await open();
  assert.equal(live(), 6);
});
