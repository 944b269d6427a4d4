import assert from 'node:assert/strict';
import { test } from 'node:test';
import { delivery, flow, gauge, inOrder, kept, merge, outcome, place, rows, shown, time } from '../../bot/slacksim/web/panel-calls.js';

const call = (n, more) => ({ n, method: 'chat.update', ms: 3, for_ms: null, ok: true, status: 200, error: '', wait: 0, what: 'edits a message', where: '#general', thread: '', ...more });
const calls = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => call(from + i));

test('calls are merged by their number, and the newest are kept', () => {
  const known = merge([], [call(1, { ms: null }), call(2)]);
  const list = merge(known, [call(1), call(2), call(3)]);
  assert.deepEqual(list.map((c) => [c.n, c.ms]), [[1, 3], [2, 3], [3, 3]]);
  assert.deepEqual(known.map((c) => c.ms), [null, 3], 'what was known is not changed');
  let many = [];
  for (let i = 0; i < 20; i++) many = merge(many, calls(i * 60 + 1, i * 60 + 60));
  assert.equal(many.length, kept);
  assert.equal(many.at(-1).n, 1200);
});

test('rows are capped, newest first, and gaps are told', () => {
  assert.equal(rows(calls(1, 200), false).length, shown);
  assert.equal(rows(calls(1, 200), false)[0].n, 200);
  assert.deepEqual(rows([...calls(1, 2), ...calls(15, 16)], false).map((r) => r.gap ? 'gap ' + r.gap : r.n), [16, 15, 'gap 12', 2, 1]);
  assert.equal(rows(Array.from({ length: 100 }, (_, i) => call(1 + 2 * i)), false).length, shown);
  assert.deepEqual(rows([], false), []);
  const refused = rows([call(1, { ok: false, error: 'not_in_channel' }), ...calls(2, 200), call(201, { ms: null, for_ms: 5 })], true);
  assert.deepEqual(refused.map((r) => r.n), [1]);
});

test('how a call went', () => {
  for (const [more, kind, text] of [
    [{}, 'ok', '200'],
    [{ ms: null, for_ms: 400, status: 0 }, 'busy', 'running'],
    [{ ms: null, for_ms: 4900, status: 0 }, 'busy', 'running for 4 s'],
    [{ ok: false, status: 429, error: 'ratelimited', wait: 8 }, 'bad', '429 ratelimited · wait 8 s'],
    [{ ok: false, status: 503, error: 'http 503' }, 'bad', '503'],
    [{ ok: false, error: 'message_not_found' }, 'bad', 'message_not_found'],
    [{ ok: false, error: 'rate_limited', wait: 2 }, 'bad', 'rate_limited · wait 2 s'],
  ]) assert.deepEqual(outcome(call(1, more)), { kind, text });
});

test('budgets', () => {
  const budget = (more) => ({ method: 'chat.update', where: '', used: 12, refused: 0, limit: 50, left: 38, ...more });
  for (const [more, text, empty] of [
    [{}, '12 of 50; ', false],
    [{ used: 50, left: 0, refused: 2 }, '50 of 50; none now · 2 refused', true],
    [{ left: 7 }, '12 of 50; 7 now', false], // a bucket
    [{ left: 0 }, '12 of 50; none now', true], // edits are refused
    [{ left: -1, refused: 3 }, '12, limiter off; 3 refused', undefined],
    [{ limit: 0, left: -1, used: 1 }, '1, no limit; ', undefined],
    [{ used: 61, left: 4 }, '61 of 50; 4 now', false],
  ]) {
    const g = gauge(budget(more));
    assert.equal(g.text + '; ' + g.more, text);
    assert.equal(g.empty, empty);
    if (g.limit) assert.ok(g.used <= g.limit);
  }
  const some = [['auth.test', ''], ['chat.update', ''], ['chat.postMessage', '#b'], ['chat.postMessage', '#a']].map(([method, where]) => ({ method, where }));
  assert.deepEqual(inOrder(some).map((b) => b.method + b.where), ['chat.update', 'chat.postMessage#a', 'chat.postMessage#b', 'auth.test']);
});

test('envelopes', () => {
  assert.equal(flow({ sent: 12, acked: 11, redelivered: 1, lost: 0, waiting: 1 }), '12 sent · 11 acked · 1 redelivered · 1 waiting');
  assert.equal(flow({ sent: 1, acked: 0, redelivered: 0, lost: 3, waiting: 0 }), '1 sent · 0 acked · 0 redelivered · 3 acks lost · 0 waiting');
  assert.equal(delivery({ attempt: 0, ack_ms: 3 }), 'acked after 3 ms');
  assert.equal(delivery({ attempt: 2, ack_ms: null }), 'attempt 3 · no ack');
});

test('words', () => {
  assert.equal(place(call(1, { thread: 'What is…' })), '#general › What is…');
  assert.equal(place(call(1, { where: '' })), '');
  for (const [ms, want] of [[0, '0 ms'], [103.4, '103 ms'], [9999, '9999 ms'], [12345, '12.3 s']]) assert.equal(time(ms), want);
});
