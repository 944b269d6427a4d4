import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busy } from './dom.mjs';
import { cut, fill, languageOf } from '../../bot/slacksim/web/code.js';

// piecesOf returns a text's pieces that have a colour, as class:text.
function piecesOf(name, text) {
  let open = null;
  return text.split('\n').flatMap((line) => {
    const r = cut(languageOf(name), line, open);
    open = r.open;
    assert.equal(r.pieces.map((p) => p[1]).join(''), line, 'nothing is lost');
    return r.pieces.filter((p) => p[0] && p[1].trim()).map((p) => p[0] + ':' + p[1].trim());
  });
}

test('languages', () => {
  for (const [name, text, want] of [
    ['go', 'func Do(x int) error { // why\n\treturn "a\\"b" // 1', ['kw:func', 'fn:Do', 'type:int', 'type:error', 'com:// why', 'kw:return', 'str:"a\\"b"', 'com:// 1']],
    ['go', 'var s = `raw\n// no comment\n` + "x"', ['kw:var', 'str:`raw', 'str:// no comment', 'str:`', 'str:"x"']],
    ['go', '/* one\ntwo */ nil', ['com:/* one', 'com:two */', 'num:nil']],
    ['python', 'def f(self):\n  """doc\n  "more" """\n  return f"{x}" # why', ['kw:def', 'fn:f', 'kw:self', 'str:"""doc', 'str:"more" """', 'kw:return', 'str:f"{x}"', 'com:# why']],
    ['py', "s = '''a\nb''' + 'c'", ["str:'''a", "str:b'''", "str:'c'"]],
    ['ts', 'const x: string = `a ${b}\nc` as const;', ['kw:const', 'type:string', 'str:`a ${b}', 'str:c`', 'kw:as', 'kw:const']],
    ['bash', 'echo "$HOME" # done\nls --all | grep \'a # b\'', ['kw:echo', 'str:"$HOME"', 'com:# done', 'num:--all', "str:'a # b'"]],
    ['sql', 'SELECT id FROM t -- all', ['kw:SELECT', 'kw:FROM', 'com:-- all']],
    ['json', '{"a": [1, true, "b"]}', ['fn:"a"', 'num:1', 'num:true', 'str:"b"']],
    ['yaml', '- name: "x" # y\n  port: 80', ['fn:name', 'str:"x"', 'com:# y', 'fn:port', 'num:80']],
    ['toml', '[server]\nport = 80', ['kw:[server]', 'fn:port', 'num:80']],
    ['html', '<a href="x">don\'t</a><!-- a\nb -->', ['kw:<a', 'fn:href', 'str:"x"', 'kw:>', 'kw:</a>', 'com:<!-- a', 'com:b -->']],
    ['c++', '#include <vector>\nint x = 0x1F;', ['kw:#include <vector>', 'type:int', 'num:0x1F']],
    ['rust', "fn f<'a>(c: char) -> u8 { b'x' }", ['kw:fn', "kw:'a", 'type:char', 'type:u8', "str:b'x'"]],
    ['diff', '@@ -1 +1 @@\n-a\n+b\n c', ['kw:@@ -1 +1 @@', 'del:-a', 'ins:+b']],
    ['dockerfile', 'FROM x AS y', ['kw:FROM', 'kw:AS']],
    ['css', 'a { color: #fff; }', ['fn:color', 'num:#fff']],
  ]) assert.deepEqual(piecesOf(name, text), want, name + ': ' + text);
});

test('names of languages', () => {
  for (const name of ['', 'constructor', '__proto__', 'text', 'klingon']) assert.equal(languageOf(name), null, name);
  for (const name of ['Go', 'c#', 'C++', 'js title="x"', 'yaml,linenos']) assert.ok(languageOf(name), name);
});

test('every language takes every line, and quickly', () => {
  const all = 'go js java c rust swift php py rb sh sql json yaml ini html css docker make lua diff'.split(' ');
  const hostile = ['"', "'", '`', '\\', '/*', '<!--', '"""', '${', '#', '- ', ' ', '@a.', "'a", 'a', '0x', '((', '$(', '\u{1F600}'].map((s) => s.repeat(Math.ceil(2000 / s.length)).slice(0, 2000));
  const each = busy(() => {
    for (const name of all) for (const line of hostile) piecesOf(name, line + '\n' + line);
  }) / all.length / hostile.length / 2;
  assert.ok(each < 20, `${each} ms a line`);
  assert.equal(piecesOf('go', 'x'.repeat(1e6)).length, 0);
});

test('of code that grows only the new lines are written', () => {
  const code = document.createElement('code');
  const go = languageOf('go');
  let text = 'package main\n\n/* a\nb\n';
  fill(code, go, text);
  const kept = [...code.childNodes].slice(0, 4);
  assert.equal(fill(code, go, text + 'c */ var'), 1);
  assert.equal(fill(code, go, text + 'c */ var x = 1\nfunc'), 2);
  text += 'c */ var x = 1\nfunc main() {}';
  assert.equal(fill(code, go, text), 1);
  assert.deepEqual([...code.childNodes].slice(0, 4), kept);
  assert.equal(code.textContent, text);
  assert.match(code.html, /<span class="c-com">c \*\/<\/span> <span class="c-kw">var<\/span>/);
  fill(code, go, 'x');
  assert.equal(code.html, '<code>x</code>');
});
