import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Said, TEN, begin, phase, recount, shorter, single, steps, stopButton } from '../../bot/slacksim/web/toursteps.js';

const ME = 'UME';
const print = (text) => [{ type: 'markdown', text: 'an answer' }, { type: 'context', elements: [{ type: 'mrkdwn', text }] }];
const FOOTER = '60 tokens in 1.6s = 37.5 tok/s · first token 0.31s · m';
const question = (ts, more = {}) => ({ channel: 'C1', ts, thread_ts: '', user: ME, bot: false, text: '<@UBOT> hello', edited: false, edits: 0, ...more });
const answer = (ts, thread_ts, text, more = {}) => ({ channel: 'C1', ts, thread_ts, user: 'UBOT', bot: true, text: '', blocks: print(text), edits: 3, ...more });
const step = (id) => steps.find((s) => s.id === id);

// play tells messages one after the other, and returns after which the step was done; -1: it is not.
function play(id, p, bot, messages, said = new Said()) {
  for (const [i, m] of messages.entries()) {
    said.hear(m);
    if (step(id).done(said, { me: ME, edited: [], starts: 1, since: '', ...p }, bot)) return i;
  }
  return -1;
}

test('how far an answer is', () => {
  for (const [m, want] of [
    [answer('1', '0', 'writing… 12 tokens · 37 tok/s'), 'writing'],
    [answer('1', '0', 'writing…'), 'writing'],
    [answer('1', '0', '', { stream: 'live', blocks: [] }), 'writing'],
    [answer('1', '0', FOOTER), 'done'],
    [answer('1', '0', 'stopped · ' + FOOTER), 'stopped'],
    [answer('1', '0', 'I could not reach the model.'), ''],
    [{ bot: true }, ''],
    [{ bot: true, blocks: [{ type: 'context' }, { type: 'context', elements: [{ type: 'image' }] }] }, ''],
    [question('1', { blocks: print(FOOTER) }), ''],
  ]) assert.equal(phase(m), want, JSON.stringify(m));
});

test('the stop button', () => {
  const m = answer('7', '0', 'writing…');
  assert.equal(stopButton(m), undefined);
  m.blocks.push({ type: 'actions', elements: [{ text: { text: 'More' }, action_id: 'a' }, { text: { text: 'Stop' }, action_id: 'stop', value: 'v' }] });
  assert.deepEqual(stopButton(m), { channel: 'C1', ts: '7', action_id: 'stop', value: 'v' });
});

test('ask', () => {
  assert.equal(play('ask', {}, null, [question('1'), answer('2', '1', 'writing…'), answer('2', '1', FOOTER)]), 2);
  assert.equal(play('ask', { since: '1' }, null, [question('1'), answer('2', '1', FOOTER)]), -1, 'asked before the step');
  assert.equal(play('ask', {}, null, [question('1', { user: 'UBOB' }), answer('2', '1', FOOTER)]), -1, 'asked by somebody else');
  assert.equal(play('ask', {}, null, [question('1'), answer('2', '9', FOOTER)]), -1, 'another thread');
  assert.equal(play('ask', {}, null, [question('1'), answer('2', '1', FOOTER, { channel: 'C2' })]), -1, 'another channel');
});

test('follow up', () => {
  const before = [question('1'), answer('2', '1', FOOTER)];
  assert.equal(play('follow', { since: '2' }, null, [...before, question('3', { thread_ts: '1' }), answer('4', '1', 'writing…'), answer('4', '1', FOOTER)]), 4);
  assert.equal(play('follow', { since: '2' }, null, [...before, question('3', { thread_ts: '1' })]), -1, 'the answer of before is none to this');
});

test('stop', () => {
  assert.equal(play('stop', { since: '2' }, null, [answer('2', '1', 'stopped'), answer('3', '1', 'writing…'), answer('3', '1', 'stopped · 30 tokens')]), 2);
});

test('edit', () => {
  const told = [question('1'), answer('2', '1', FOOTER, { edits: 9 }), question('1', { text: 'other', edited: true }), answer('2', '1', 'writing…', { edits: 10 }), answer('2', '1', FOOTER, { edits: 12 })];
  assert.equal(play('edit', {}, null, told), 4);
  assert.equal(play('edit', { edited: ['1'] }, null, told), 4, 'edited once more, before our eyes');
  assert.equal(play('edit', { edited: ['1'] }, null, [question('1', { edited: true }), answer('2', '1', FOOTER)]), -1, 'edited before the step');
  const reply = { thread_ts: '1' };
  assert.equal(play('edit', {}, null, [question('1'), question('3', reply), answer('4', '1', FOOTER), question('3', { ...reply, text: 'other', edited: true }), answer('4', '1', FOOTER, { edits: 8 })]), 4);
});

test('what can be edited', () => {
  const said = new Said();
  const told = [question('1'), answer('2', '1', FOOTER), question('3', { thread_ts: '1' }), answer('4', '1', FOOTER), question('5'), answer('6', '5', FOOTER), question('7', { thread_ts: '5', user: 'UBOB' }), question('8')];
  assert.equal(said.editable(ME), undefined);
  for (const m of told) said.hear(m);
  assert.equal(said.editable(ME).ts, '3', 'somebody asked behind 1 and behind 5, and 8 has no answer');
});

test('an edit keeps all that was asked, and is another one each time', () => {
  const once = shorter('@llm a\n```\ncode\n```');
  assert.equal(once, '@llm a\n```\ncode\n```\nPlease in 40 words.');
  assert.equal(shorter(once), '@llm a\n```\ncode\n```\nPlease in 20 words.');
  assert.equal(shorter(shorter(once)), once);
});

test('ten at once', () => {
  const asked = Array.from({ length: TEN }, (_, i) => question(`1${i}`));
  const answered = asked.map((q, i) => answer(`2${i}`, q.ts, FOOTER));
  assert.equal(play('ten', {}, null, [...asked, ...answered]), 2 * TEN - 1);
  assert.equal(play('ten', {}, null, [...asked.slice(1), ...answered]), -1);
});

test('kill the bot', () => {
  const told = [question('100.000000'), answer('101.000000', '100.000000', 'writing…'), answer('101.000000', '100.000000', FOOTER)];
  const bot = (starts, at, state = 'running') => ({ starts, state, since: new Date(at * 1000).toISOString() });
  assert.equal(play('kill', {}, bot(2, 105), told), 2);
  assert.equal(play('kill', {}, bot(1, 105), told), -1, 'it was not killed');
  assert.equal(play('kill', {}, bot(2, 99), told), -1, 'it was killed before the answer began');
  assert.equal(play('kill', {}, bot(2, 105, 'starting'), told), -1);
  assert.equal(play('kill', {}, null, told), -1);
});

test('kill the bot, after the demo was started again in its folder', () => {
  const bot = (starts, at) => ({ starts, state: 'running', since: new Date(at * 1000).toISOString() });
  const told = [question('100.000000'), answer('101.000000', '100.000000', FOOTER)];
  const p = { starts: 3 };
  assert.equal(recount(p, bot(3, 90)), false);
  for (const starts of [0, 1]) { // before its first bot, and with it
    recount(p, bot(starts, 105));
    assert.deepEqual(p, { starts: 1 });
    assert.equal(play('kill', p, bot(1, 105), told), -1, 'nobody killed it');
  }
  assert.equal(recount(p, bot(2, 115)), false);
  assert.equal(play('kill', p, bot(2, 115), [question('110.000000'), answer('111.000000', '110.000000', FOOTER)]), 1);
});

test('the speed of one answer is that of one that is whole', () => {
  const of = (tps, more) => ({ done: true, tokens: 20, tps, ...more });
  assert.equal(single([of(30), of(37, { cut: false }), of(90, { cut: true }), of(80, { done: false }), of(70, { tokens: 19 })]), 37);
  assert.equal(single([of(90, { cut: true })]), 0);
  assert.equal(single([]), 0);
});

test('what was deleted, and what only one person sees, does not count', () => {
  assert.equal(play('ask', {}, null, [question('1'), question('1', { deleted: true }), answer('2', '1', FOOTER)]), -1);
  assert.equal(play('ask', {}, null, [question('1'), answer('2', '1', FOOTER, { ephemeral: true })]), -1);
});

test('a step begins after all that was said', () => {
  const said = new Said();
  for (const m of [question('300.000000', { edited: true }), answer('301.000000', '300.000000', FOOTER)]) said.hear(m);
  assert.deepEqual(begin(3, said, ME, { now: '1970-01-01T00:04:00Z', bot: { starts: 7 } }), { step: 3, since: '301.000000', starts: 7, edited: ['300.000000'] });
  assert.equal(begin(0, new Said(), ME, { now: '1970-01-01T00:04:00Z', bot: { starts: 1 } }).since, '240.000000');
  assert.equal(begin(0, new Said(), ME, null).since, '');
});

test('each step says in one sentence or two what to do', () => {
  assert.equal(steps.length, 6);
  for (const s of steps) assert.match(s.what('llm'), /^[A-Z].*\.$/);
});
