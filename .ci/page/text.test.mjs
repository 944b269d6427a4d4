import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busy } from './dom.mjs';
import { plain, unmark, wordsOf } from '../../bot/slacksim/web/text.js';

const names = { user: (id) => ({ U1: 'alice' })[id], channel: (id) => ({ C1: 'general' })[id] };

test('what somebody would type', () => {
  for (const [text, want] of [
    ['<@U1> see <#C1|x> and <#C9|old>', '@alice see #general and #old'],
    ['<https://a.test/x|a link> &lt;b&gt; &amp;amp;', 'https://a.test/x <b> &amp;'],
    ['<!here> <!subteam^S1|@team>', '@here @team'],
  ]) assert.equal(plain(text, names), want);
});

test('the words of messages', () => {
  for (const [m, want] of [
    [{ text: 'hi <@U1>' }, 'hi @alice'],
    [{ text: 'not this', blocks: [{ type: 'markdown', text: '# One\ntwo' }, { type: 'context', elements: [{ type: 'mrkdwn', text: 'small' }] }, { type: 'actions', elements: [{ type: 'button', text: { type: 'plain_text', text: 'Press' } }] }] }, '# One\ntwo\nsmall'],
    [{ blocks: [{ type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text: 'a <b> ' }, { type: 'user', user_id: 'U1' }, { type: 'emoji', name: 'tada' }] }] }] }, 'a <b> @alice:tada:'],
    [{ blocks: [{ type: 'table', rows: [[{ type: 'raw_text', text: 'host' }, { type: 'raw_number', value: 3 }]] }] }, 'host\n3'],
    [{ text: 'x', files: [{ name: 'plan.pdf' }], attachments: [{ title: 'Card', text: 'of an app' }, null] }, 'x\nCard of an app\n\nplan.pdf'.replace('\n\n', '\n')],
    [{ blocks: [{ type: 'plan', title: 'P ', tasks: [{ title: 'one' }] }, { type: 'container', child_blocks: [{ type: 'section', text: { type: 'mrkdwn', text: 'in it' } }] }] }, 'P onein it'],
    [{ text: '' }, ''],
  ]) assert.equal(wordsOf(m, names), want);
});

test('without marks', () => {
  for (const [text, want] of [
    ['## Short **answer**\n\n```go\nx := 1\n```\n> *quoted* `code`', 'Short answer\nx := 1\nquoted code'],
    ['[a link](https://a.test/) 2*3*4', 'a link 2*3*4'],
    ['| a | b |\n|---|---|\n| 1 | 2 |', '| a | b |\n| 1 | 2 |'],
    ['a\n```\n```\n|--|:-:|\n |-|-|\n--- | text\n  b', 'a\n--- | text\nb'],
  ]) assert.equal(unmark(text), want);
});

test('lines of marks alone, and long spaces, take no long time', () => {
  const n = 3000;
  for (const line of ['```', '**', '__', '~~~', '`', ' ', '\t', '|', '| ', '|--', '--|', '- ', '* ', '# ', '[', '[a](', '<@', '<https://', '\r', '']) {
    for (const [before, between, after] of [['', '\n', ''], ['a', '\n', 'b'], ['', ' ', 'b'], ['|', '', 'b'], ['a', '', '|']]) {
      const text = before + (line + between).repeat(n) + after;
      const took = busy(() => unmark(wordsOf({ text }, names)));
      assert.ok(took < 200, `${JSON.stringify([before, line, between, after])}: ${took.toFixed()} ms`);
    }
  }
});
