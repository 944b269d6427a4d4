import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fold, matcher, parse, snippet } from '../../bot/slacksim/web/search.js';

test('queries', () => {
  for (const [query, want] of [
    ['Two words', { words: ['two', 'words'], from: [], in: [] }],
    ['"a phrase" from:@Alice in:#general x', { words: ['a phrase', 'x'], from: ['alice'], in: ['general'] }],
    ['"open', { words: ['open'], from: [], in: [] }],
    ['from: in:"no bot" É', { words: ['from:', 'e'], from: [], in: ['no bot'] }],
    ['  ', { words: [], from: [], in: [] }],
  ]) assert.deepEqual(parse(query), want, query);
});

test('matches', () => {
  const about = (m) => ({ author: m.by, channel: m.at, folded: fold(m.text) });
  const m = { by: 'Zoë', at: 'general', text: 'Über die Brücke, GO!' };
  for (const [query, want] of [['uber brucke', true], ['"die brücke"', true], ['die uber x', false], ['from:zoe go', true], ['from:bob go', false], ['in:gen', true], ['in:random', false]]) assert.equal(matcher(parse(query), about)(m), want, query);
});

test('folding keeps places', () => {
  for (const s of ['Straße', 'ÀÉÎ', 'e\u0301x', 'İstanbul', 'a😀b', 'ﬁ', '한글', '\ud800']) assert.equal(fold(s).length, s.length, s);
});

test('snippets', () => {
  const text = 'one two three four five six seven eight nine ten eleven twelve';
  assert.deepEqual(snippet('Say Hello, hello', ['hello']), [['Say ', false], ['Hello', true], [', ', false], ['hello', true]]);
  const cut = snippet(text, ['seven'], 30);
  assert.equal(cut[0][0], '…');
  assert.ok(cut.some(([t, is]) => is && t === 'seven'));
  assert.ok(cut.map(([t]) => t).join('').length <= 33);
  assert.deepEqual(snippet('short', []), [['short', false]]);
  assert.deepEqual(snippet('aaa', ['a', 'aa']), [['aa', true], ['a', true]]);
});
