import assert from 'node:assert/strict';
import { test } from 'node:test';
import './page.mjs';
import { botLine, buildKnobs, refusing } from '../../bot/slacksim/web/panel-knobs.js';
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

Object.assign(document.createElement('p').constructor.prototype, { classList: { toggle() {} } });

test('a slider that is moved again while the workspace answers is left where it is', async () => {
  let answer;
  const { node, update } = buildKnobs(() => new Promise((done) => { answer = done; }), () => {}, () => {});
  const find = (e) => e.childNodes?.map((k) => (k.type === 'range' ? k : find(k))).find(Boolean);
  const slider = find(node);
  const news = (ms) => update({ knobs: { latency_ms: ms, limiter: 'off', refuse_edits_ms: 0, lose_acks: false } });
  news(100);
  assert.equal(slider.value, '100');
  slider.value = '500';
  slider.oninput();
  const done = slider.onchange();
  slider.value = '900';
  slider.oninput();
  answer();
  await done;
  news(500);
  assert.equal(slider.value, '900');
  const last = slider.onchange();
  answer();
  await last;
  news(901);
  assert.equal(slider.value, '901');
});
