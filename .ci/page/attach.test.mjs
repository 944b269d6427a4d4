import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busy } from './dom.mjs';
import { cellsOf } from '../../bot/slacksim/web/attach.js';

test('cells of a spreadsheet', () => {
  for (const [text, want] of [
    ['host\tload\nweb-1\t0.9\n', [['host', 'load'], ['web-1', '0.9']]],
    ['a\tb\r\nc\td\r\n', [['a', 'b'], ['c', 'd']]],
    ['one line\twith a tab', null],
    ['a\tb\nno tab', null],
    ['', null],
  ]) assert.deepEqual(cellsOf(text), want, JSON.stringify(text));
});

test('many empty lines take no long time', () => {
  const took = busy(() => assert.equal(cellsOf('a\tb' + '\n'.repeat(100_000) + 'c\td'), null));
  assert.ok(took < 2000, `${took.toFixed()} ms`);
});
