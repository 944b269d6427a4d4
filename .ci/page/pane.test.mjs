import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atOnce, begin, came, older, part } from '../../bot/slacksim/web/pane.js';
import { draft, keepDraft, keepSpot, spot } from '../../bot/slacksim/web/memory.js';

const list = (n) => Array.from({ length: n }, (_, i) => ({ ts: String(1000 + i) }));

test('of many messages the newest come first, and then all', () => {
  const pane = {};
  begin(pane, 'C1');
  assert.deepEqual(part(pane, []), { now: [], more: false });
  const all = list(100);
  let { now, more } = part(pane, all);
  assert.equal(now.length, atOnce);
  assert.equal(now.at(-1).ts, '1099');
  assert.equal(more, true);
  older(pane, all, 10);
  assert.equal(part(pane, all).now.length, atOnce + 10);
  assert.equal(part(pane, list(105)).now.length, atOnce + 15, 'what comes meanwhile pushes nothing out');
  for (let i = 0; i < 10; i++) older(pane, all, 10);
  ({ now, more } = part(pane, all));
  assert.deepEqual([now.length, more], [100, false]);
});

test('a channel that fills before our eyes is whole', () => {
  const pane = {};
  begin(pane, 'C1');
  for (let n = 1; n < 60; n++) assert.equal(part(pane, list(n)).now.length, n);
});

test('something else begins at its end', () => {
  const pane = { away: true, news: 3 };
  begin(pane, 'C1');
  part(pane, list(100));
  pane.away = true;
  came(pane);
  assert.equal(pane.news, 1);
  begin(pane, 'C1');
  assert.equal(pane.news, 1);
  begin(pane, 'C2');
  assert.deepEqual([pane.first, pane.away, pane.news], [null, false, 0]);
  older(pane, list(5), 10); // of what was shown before
  assert.equal(pane.first, null);
});

test('drafts and places', () => {
  const storage = () => {
    const kept = new Map();
    return { kept, getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v), removeItem: (k) => kept.delete(k) };
  };
  globalThis.localStorage = storage();
  globalThis.sessionStorage = storage();
  keepDraft('U1', 'C1', '', 'half');
  keepDraft('U1', 'C1', '17.1', 'a reply');
  assert.equal(draft('U1', 'C1', ''), 'half');
  assert.equal(draft('U1', 'C1', '17.1'), 'a reply');
  assert.equal(draft('U2', 'C1', ''), '');
  keepDraft('U1', 'C1', '', '');
  assert.equal(localStorage.kept.size, 1);
  keepSpot([{ ts: '1' }, null]);
  assert.deepEqual(spot(), [{ ts: '1' }, null]);
  assert.equal(spot(), null, 'it is used once');
  localStorage.setItem = () => { throw new Error('full'); };
  keepDraft('U1', 'C1', '', 'x');
  localStorage.getItem = () => '{';
  assert.equal(draft('U1', 'C1', ''), '');
});
