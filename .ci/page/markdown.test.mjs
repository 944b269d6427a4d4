import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busy } from './dom.mjs';
import { markdownSpecs, mrkdwn } from '../../bot/slacksim/web/markdown.js';
import { sync, work } from '../../bot/slacksim/web/sync.js';

const names = { user: (id) => ({ U1: 'alice' })[id], channel: (id) => ({ C1: 'general' })[id] };
const shown = (text) => {
  const e = document.createElement('div');
  sync(e, markdownSpecs(text, names));
  return e;
};
const html = (text) => shown(text).html.slice(5, -6);

test('markdown', () => {
  for (const [text, want] of [
    ['a **b** _c_ `d*` ~~e~~', '<p>a <strong>b</strong> <em>c</em> <code>d*</code> <s>e</s></p>'],
    ['# One\ntwo\n\nthree', '<h3>One</h3><p>two</p><p>three</p>'],
    ['- a\n  - b\n- [x] c', '<ul><li>a<ul><li>b</li></ul></li><li>☑ c</li></ul>'],
    ['3. a\n4. b', '<ol start="3"><li>a</li><li>b</li></ol>'],
    ['|a|b|\n|-|-|\n|1|x \\| y|', '<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>x | y</td></tr></tbody></table>'],
    ['&gt; a\n> > b', '<blockquote><p>a</p><blockquote><p>b</p></blockquote></blockquote>'],
    ['```go\nx := 1\n```\nafter', '<pre tabindex="0"><code>x := <span class="c-num">1</span></code></pre><p>after</p>'],
    ['```\n&lt;b>\n', '<pre tabindex="0"><code>&lt;b>\n</code></pre>'],
    ['<@U1> in <#C1> <!here>', '<p><span class="at">@alice</span> in <span class="at">#general</span> <span class="at loud">@here</span></p>'],
    ['[x](javascript:alert)', '<p><span>x</span></p>'],
    ['snake_case_name and 2*3*4', '<p>snake_case_name and 2<em>3</em>4</p>'],
    ['a\n***\nb', '<p>a</p><hr></hr><p>b</p>'],
    ['## C# ##\n# #\n#   a b  \n#b', '<h3>C#</h3><h3></h3><h3>a b</h3><p>#b</p>'],
    ['a|b\n:-: | -\n1|2', '<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>'],
    ['a|b\n-\n1|2', '<p>a|b\n-\n1|2</p>'],
    ['[x]( <https://a.test/(1)> "t" ) [y](\n)', '<p><a href="https://a.test/(1)" target="_blank" rel="noopener noreferrer">x</a> <span>y</span></p>'],
    ['~~~ go title\nx\n~~~', '<pre tabindex="0"><code>x</code></pre>'],
  ]) assert.equal(html(text), want, text);
});

test('mrkdwn', () => {
  const e = document.createElement('div');
  e.append(mrkdwn('*b* _i_\n&gt; q\n```x *y*```', names));
  assert.equal(e.html.slice(5, -6), '<p><strong>b</strong> <em>i</em></p><blockquote><p>q</p></blockquote><pre tabindex="0"><code>x *y*</code></pre>');
});

test('a text that grows has the nodes that it has at once, and touches its end only', () => {
  const text = 'Here **is** how:\n\n1. one `x`\n2. two\n\n```go\nfunc main() {\n\t/* a\n\tb */ return\n}\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n> quoted *text*\n\nAt *last*, a long paragraph that goes on.';
  const e = document.createElement('div');
  let most = 0;
  for (let n = 1; n <= text.length; n++) {
    const before = { ...work };
    sync(e, markdownSpecs(text.slice(0, n), names));
    most = Math.max(most, work.made + work.removed + work.moved + work.changed - before.made - before.removed - before.moved - before.changed);
    assert.equal(e.html, shown(text.slice(0, n)).html, 'after ' + n);
  }
  assert.ok(most <= 8, most + ' nodes for one character');
});

test('hostile texts take no long time', () => {
  const n = 12000; // characters of a markdown block, the most that Slack takes
  for (const s of ['*', '**a', '_', '__a ', '`', '``a', '[', '[a](', '<', '<@', '~', '~~a', '> ', '- ', '|', '|-', '|\n|-|-|\n', '\\', 'https://', '#', '&amp;', '```\n', '*a_b~', '  - a\n', ' \n', ':a']) {
    const text = s.repeat(Math.ceil(n / s.length)).slice(0, n);
    const took = busy(() => {
      shown(text);
      mrkdwn(text, names);
    });
    assert.ok(took < 2000, `${JSON.stringify(s)}: ${took.toFixed()} ms`);
  }
});

test('a line that nearly matches takes no long time', () => {
  const n = 12000;
  for (const [before, s, after] of [
    ['# a', ' ', 'b'], ['# a', '#', ' b'], ['- ', ' ', '\r'], ['- ', ' ', '\u2028b'], ['~~~', '~', '`'], ['```', ' ', '`'], ['a|b\n', ' ', 'x'], ['a|b\n|-|-|', ' ', 'x'], ['a|b\n', ' -|- ', 'x'],
    ['[a](', ' ', ''], ['[a](', '\t', 'b'], ['[a](b', ' ', '"'], ['[a](', ' ', '"' + 'x'.repeat(n)], ['a', '\n', 'b'], ['---', ' ', 'x'], ['', '- ', 'x'], ['> ', ' ', 'x'], ['', '_', '|'], ['', '*** ', ''],
  ]) {
    const text = before + s.repeat(n / s.length) + after;
    const took = busy(() => {
      markdownSpecs(text, names).forEach((b) => b.make());
      mrkdwn(text, names);
    });
    assert.ok(took < 2000, `${JSON.stringify([before, s, after.slice(0, 9)])}: ${took.toFixed()} ms`);
  }
});

test('marks in marks end somewhere', () => {
  const depth = (node) => 1 + Math.max(0, ...(node.childNodes || []).map(depth));
  for (const text of ['_'.repeat(12000), '*'.repeat(11999), '*_'.repeat(3000) + 'a' + '_*'.repeat(3000)]) assert.ok(depth(shown(text)) < 20, `${text.slice(0, 4)}: ${depth(shown(text))}`);
});
