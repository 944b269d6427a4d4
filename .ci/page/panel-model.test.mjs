import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerLine, batch, median, plan, points, speed, speeds } from '../../bot/slacksim/web/panel-model.js';

const answer = (id, tps, more) => ({ id, tokens: 100, seconds: 2.7, tps, ttft: 0.31, done: false, ...more });

test('the middle of a list', () => {
  assert.equal(median([]), null);
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([10, 1, 3, 2]), 2.5);
  const list = [2, 1];
  median(list);
  assert.deepEqual(list, [2, 1]);
});

test('both speeds', () => {
  assert.deepEqual(speeds({ output_tps: 875.2, answers: [answer(1, 30), answer(2, 40), answer(3, 99, { done: true }), answer(4, 0, { tokens: 0 })] }), { total: 875.2, one: 35, of: 2, growing: 2 });
  assert.deepEqual(speeds({ output_tps: 0, answers: Array.from({ length: 15 }, (_, i) => answer(i + 1, i + 1, { done: true })) }), { total: 0, one: 10.5, of: 10, growing: 0 }, 'the last ten');
  assert.deepEqual(speeds({ answers: [answer(1, 30, { done: true }), answer(2, 99, { done: true, cut: true })] }), { total: 0, one: 30, of: 1, growing: 0 }, 'only whole ones');
  assert.deepEqual(speeds({ answers: [] }), { total: 0, one: null, of: 0, growing: 0 });
});

const user = (id, more) => ({ id, bot: false, guest: false, external: false, ...more });
const state = {
  bot: { id: 'UB', name: 'llm' },
  users: [user('UA'), user('UC'), user('UD'), user('UG', { guest: true }), user('UE', { external: true }), user('UB', { bot: true })],
  channels: [
    { id: 'C1', kind: 'channel', bot: true, shared: false, members: ['UA', 'UC', 'UB'] },
    { id: 'C2', kind: 'channel', bot: true, shared: false, members: ['UA', 'UG', 'UB'] },
    { id: 'C3', kind: 'channel', bot: false, shared: false, members: ['UA', 'UD'] },
    { id: 'C4', kind: 'channel', bot: true, shared: true, members: ['UA', 'UE', 'UB'] },
    { id: 'D1', kind: 'im', bot: true, members: ['UD', 'UB'] },
  ],
};

test('ten questions of several people in several channels', () => {
  const q = plan(state);
  assert.equal(q.length, 10);
  assert.equal(new Set(q.map((x) => x.text)).size, 10);
  assert.deepEqual([...new Set(q.map((x) => x.user))], ['UA', 'UC']);
  assert.deepEqual([...new Set(q.filter((x) => x.user === 'UA').map((x) => x.channel))].sort(), ['C1', 'C2']);
  for (const x of q) {
    assert.ok(x.text.startsWith('@llm '));
    assert.ok(state.channels.find((c) => c.id === x.channel).members.includes(x.user));
  }
  assert.deepEqual(plan({ ...state, channels: [] }), []);
});

test('what became of ten at once', () => {
  const m = { output_tps: 300, answers: [answer(1, 99, { done: true }), answer(2, 30), answer(3, 40)] };
  assert.deepEqual(batch(m, 2, 875, 10), { asked: 2, done: 0, most: 875, one: 35 });
  assert.deepEqual(batch({ output_tps: 900, answers: [answer(2, 30, { done: true }), answer(3, 5)] }, 2, 875, 10), { asked: 2, done: 1, most: 900, one: 30 });
  assert.deepEqual(batch({ answers: [] }, 2, 0, 10), { asked: 0, done: 0, most: 0, one: null });
});

test('of ten at once whose bot was killed, only whole answers count', () => {
  const ten = (first, more) => Array.from({ length: 10 }, (_, i) => answer(first + i, 30 + i, more));
  const cut = ten(1, { done: true, cut: true });
  assert.deepEqual(batch({ answers: cut }, 1, 0, 10), { asked: 10, done: 0, most: 0, one: null });
  assert.deepEqual(batch({ answers: [...cut, ...ten(11)] }, 1, 0, 10), { asked: 10, done: 0, most: 0, one: 34.5 });
  assert.deepEqual(batch({ answers: [...cut.slice(3), ...ten(11, { done: true, cut: false })] }, 1, 0, 10), { asked: 10, done: 10, most: 0, one: 34.5 });
  assert.deepEqual(batch({ answers: [...cut.slice(3), ...ten(11, { done: true }).slice(7)] }, 1, 0, 10), { asked: 10, done: 3, most: 0, one: 38 }, 'the model did not come back');
});

test('the picture stays in its frame', () => {
  const p = points(Array.from({ length: 120 }, (_, i) => i), 119).split(' ').map((s) => s.split(',').map(Number));
  assert.deepEqual(p[0], [0, 62]);
  assert.deepEqual(p.at(-1), [360, 2]);
  assert.equal(points([null], 0), '360.0,62.0');
  for (const [x, y] of p) assert.ok(x >= 0 && x <= 360 && y >= 0 && y <= 64);
});

test('words', () => {
  for (const [v, want] of [[null, '–'], [undefined, '–'], [37.14, '37.1'], [875.2, '875'], [12345, '12,345'], [0, '0.0']]) assert.equal(speed(v), want);
  assert.equal(answerLine(answer(1, 37, { tokens: 1 })), '1 token · first token 0.31 s');
  assert.equal(answerLine(answer(1, 37, { tokens: 1200, done: true })), '1,200 tokens · first token 0.31 s');
  assert.equal(answerLine(answer(1, 37, { done: true, cut: true })), '100 tokens · first token 0.31 s · cut off');
  assert.equal(answerLine(answer(1, 0, { tokens: 0, ttft: null })), '0 tokens · no token yet');
});
