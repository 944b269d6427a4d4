import assert from 'node:assert/strict';
import { test } from 'node:test';
import { botLine, refusing } from '../../bot/slacksim/web/panel-knobs.js';
import { answered } from '../../bot/slacksim/web/panel.js';

test('how the bot is', () => {
  assert.equal(botLine({ state: 'running', pid: 123, starts: 1, last_exit: '' }), 'running, process 123');
  assert.equal(botLine({ state: 'starting', pid: 0, starts: 2, last_exit: 'signal: killed' }), 'starting · started 2 times · its last end: signal: killed');
});

test('refused edits', () => {
  assert.equal(refusing(0), 'Refuse edits for 10 s');
  assert.equal(refusing(9200), 'Edits are refused: 10 s');
});

test('an answer fails with its own words', async () => {
  assert.deepEqual(await answered(new Response('{"a":1}')), { a: 1 });
  assert.deepEqual(await answered(new Response('')), {});
  await assert.rejects(answered(new Response('{"error":"no socket is open"}', { status: 422 })), /^Error: no socket is open$/);
  await assert.rejects(answered(new Response('not JSON\n', { status: 400 })), /^Error: not JSON$/);
  await assert.rejects(answered(new Response('', { status: 500 })), /^Error: HTTP 500$/);
});
