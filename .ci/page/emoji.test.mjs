import assert from 'node:assert/strict';
import { test } from 'node:test';
import { offers } from '../../bot/slacksim/web/complete.js';
import { emoji, emojiLike, withEmoji } from '../../bot/slacksim/web/emoji.js';

test('emoji by name', () => {
  for (const [name, tone, want] of [
    ['tada', 0, '🎉'], ['+1', 0, '👍'], ['thumbsup', 0, '👍'], ['+1', 3, '👍\u{1F3FC}'], ['one', 0, '1️⃣'], ['flag-de', 0, '🇩🇪'], ['female-technologist', 6, '👩\u{1F3FF}‍💻'], ['point_up', 2, '☝\u{1F3FB}'],
    ['no_such_thing', 0, null], ['constructor', 0, null], ['', 0, null],
  ]) assert.equal(emoji(name, tone), want, name);
  assert.deepEqual(emojiLike('tad', 3)[0], ['tada', '🎉']);
});

test('emoji in a text', () => {
  assert.equal(withEmoji('at 10:30:45 a:b:c :tada: (:+1::skin-tone-3:) :nope:'), 'at 10:30:45 a:b:c 🎉 (👍\u{1F3FC}) :nope:');
});

test('offers', () => {
  const state = { bot: { name: 'llm' }, users: [{ name: 'alice' }, { name: 'llm' }], commands: ['/llm', '/llm-status'], channels: [{ name: 'general', kind: 'channel' }, { name: 'leads', kind: 'private' }] };
  const texts = (before, commands = true) => offers(before, state, commands).found.map((o) => o.text);
  assert.deepEqual(texts('hi @'), ['@llm', '@alice']);
  assert.deepEqual(texts('hi @A'), ['@alice']);
  assert.deepEqual(texts('me@'), []);
  assert.deepEqual(texts('/llm-'), ['/llm-status']);
  assert.deepEqual(texts('/llm-', false), []);
  assert.deepEqual(texts('see #'), ['#general']);
  assert.equal(texts(':tad')[0], ':tada:');
  assert.deepEqual(texts('at 10:30'), []);
  assert.equal(offers('so :tad', state, true).from, 3);
});
