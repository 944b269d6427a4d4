import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { S, day, forget, inChannel, person, put } from '../../bot/slacksim/web/store.js';
import { changed, firstNew, isUnread, recallSeen, see, unread } from '../../bot/slacksim/web/unread.js';

const kept = new Map();
globalThis.localStorage = { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v), removeItem: (k) => kept.delete(k) };

beforeEach(() => {
  forget();
  kept.clear();
  S.me = 'U1';
  recallSeen();
});

const message = (ts, user = 'U2', more = {}) => ({ channel: 'C1', ts: ts + '.000100', user, ...more });

test('messages stay in their order, whatever order they come in', () => {
  for (const ts of [3, 1, 2, 5, 4]) assert.equal(put(message(ts)), true);
  const again = message(2, 'U2', { text: 'edited' });
  assert.equal(put(again), false);
  assert.deepEqual(inChannel('C1').map((m) => m.ts[0]), ['1', '2', '3', '4', '5']);
  assert.equal(inChannel('C1')[1], again);
  put(message(3, 'U2', { deleted: true }));
  put(message(9, 'U2', { deleted: true }));
  assert.deepEqual(inChannel('C1').map((m) => m.ts[0]), ['1', '2', '4', '5']);
  assert.equal(S.messages.size, 4);
});

test('what was not seen', () => {
  put(message(1));
  put(message(2, 'U1'));
  put(message(3));
  assert.equal(unread('C1'), 2);
  assert.equal(firstNew(inChannel('C1'), '1.000100').ts, '3.000100');
  assert.equal(see('C1'), true);
  assert.equal(see('C1'), false);
  assert.equal(isUnread('C1'), false);
  changed(message(1, 'U1')); // mine
  assert.equal(isUnread('C1'), false);
  changed(message(1)); // an answer grew
  assert.equal(isUnread('C1'), true);
  assert.equal(unread('C1'), 0);
  see('C1');
  recallSeen(); // a reload
  assert.equal(isUnread('C1'), false);
  put(message(4));
  assert.equal(unread('C1'), 1);
});

test('days', () => {
  const now = new Date(2026, 10, 30, 0, 5).getTime();
  assert.equal(day(now / 1000 - 60, now), 'Today');
  assert.equal(day(now / 1000 - 600, now), 'Yesterday');
  assert.match(day(now / 1000 - 3 * 86400, now), /27/);
  assert.match(day(now / 1000 - 400 * 86400, now), /2025/);
});

test('people by name', () => {
  S.state = { users: [{ id: 'UBOT', name: 'llm', bot: true, real_name: 'LLM' }, { id: 'U1', name: 'alice', real_name: 'Alice Adams' }] };
  for (const name of ['alice', 'ALICE', 'u1', 'Alice adams']) assert.equal(person(name)?.id, 'U1', name);
  for (const name of ['llm', 'nobody', '', null]) assert.equal(person(name), undefined, name);
});
