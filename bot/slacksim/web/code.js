// Code in colours. A language is a few patterns; a line is cut into pieces from its start, in one
// pass. What is open at the end of a line, such as a comment, is handed to the next: so of code
// that grows only the lines that are new are looked at.
import { el } from './dom.js';

// The longest line that is coloured. A longer one is data and no code.
const maxLine = 2000;

const words = (s) => new Set(s.split(' '));
const NUMBER = String.raw`\b(?:0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?)[a-zA-Z]{0,3}\b`;
const DOUBLE = String.raw`"(?:[^"\\]|\\.)*(?:"|$)`;
const SINGLE = String.raw`'(?:[^'\\]|\\.)*(?:'|$)`;
const NAME = String.raw`[A-Za-z_$][\w$]*`;

// language makes one: line and block comments, strings, strings over several lines (with the
// pattern of their end), words. rest holds further patterns that come first: [class, pattern].
function language({ line, block, strings = [DOUBLE, SINGLE], long = [], keywords = '', constants = 'true false null', types = '', rest = [], anycase = false }) {
  const rules = [...rest.map(([cls, p]) => ({ cls, p }))];
  for (const [open, close] of block ? [block] : []) rules.push({ cls: 'com', p: open, until: close });
  if (line) rules.push({ cls: 'com', p: `(?:${line}).*` });
  for (const [open, close] of long) rules.push({ cls: 'str', p: open, until: close });
  for (const p of strings) rules.push({ cls: 'str', p });
  rules.push({ cls: 'num', p: NUMBER }, { p: NAME, word: true });
  return {
    rules: rules.map((r) => ({ ...r, re: new RegExp(r.p, 'y'), end: r.until && new RegExp(r.until, 'g') })),
    keywords: words(keywords), constants: words(constants), types: words(types), anycase,
  };
}

const C_LIKE = 'break case continue default do else for goto if return switch while';
const c = (keywords, types, more) => language({ line: '//', block: [String.raw`/\*`, String.raw`\*/`], keywords: C_LIKE + ' ' + keywords, types, ...more });

const LANGUAGES = {
  go: c('chan const defer fallthrough func go import interface map package range select struct type var', 'any bool byte comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune string uint uint8 uint16 uint32 uint64 uintptr', { constants: 'true false nil iota', long: [['`', '`']] }),
  js: c('async await catch class const debugger delete export extends finally from function get import in instanceof let new of set static super this throw try typeof var void with yield as declare enum implements interface keyof namespace private protected public readonly satisfies type abstract', 'any boolean never number object string symbol unknown', { constants: 'true false null undefined NaN Infinity', long: [['`', String.raw`(?<!\\)(?:\\\\)*` + '`']] }),
  java: c('abstract assert catch class enum exports extends final finally implements import instanceof interface module native new package permits private protected public record sealed static strictfp super synchronized this throw throws transient try var volatile yield when by companion data fun in init inline internal is lateinit object open operator out override suspend typealias val vararg def lazy match trait with using namespace get set async await readonly partial ref sealed string where virtual base checked delegate event explicit extern fixed foreach implicit lock params sizeof stackalloc unchecked unsafe', 'boolean byte char double float int long short void Int Long String Boolean Double Float Char Unit Any bool decimal object sbyte uint ulong ushort', { rest: [['fn', String.raw`@[A-Za-z_][\w.]*`]], long: [['"""', '"""']] }),
  c: c('alignas alignof and asm auto catch class co_await co_return co_yield concept const consteval constexpr const_cast decltype delete dynamic_cast enum explicit export extern final friend import inline module mutable namespace new noexcept operator or override private protected public register reinterpret_cast requires restrict sizeof static static_assert static_cast struct template this thread_local throw try typedef typeid typename union using virtual volatile __global__ __device__ __shared__', 'bool char char8_t char16_t char32_t double float int int8_t int16_t int32_t int64_t long ptrdiff_t short signed size_t ssize_t uint8_t uint16_t uint32_t uint64_t unsigned void wchar_t string vector', { constants: 'true false NULL nullptr', rest: [['kw', String.raw`^\s*#\s*\w+(?:\s*<[^>]*>)?`]] }),
  rust: c('as async await box const crate dyn enum extern fn impl in let loop match mod move mut pub ref self Self static struct super trait type union unsafe use where', 'bool char f32 f64 i8 i16 i32 i64 i128 isize str u8 u16 u32 u64 u128 usize String Vec Option Result Box', { constants: 'true false None Some Ok Err', strings: [DOUBLE, String.raw`b?'(?:[^'\\]|\\.[^']*)'`], rest: [['fn', String.raw`#!?\[[^\]]*\]`], ['kw', String.raw`'[a-z_]\w*\b(?!')`]] }),
  swift: c('actor any as associatedtype async await catch class convenience defer deinit enum extension fileprivate final func get guard import in indirect init inout internal is lazy let mutating nonisolated open operator override private protocol public repeat required rethrows self Self set some static struct subscript super throw throws try typealias unowned var weak where', 'Any Array Bool Character Dictionary Double Float Int Set String Void', { constants: 'true false nil', long: [['"""', '"""']], strings: [DOUBLE] }),
  php: c('abstract and array as callable catch class clone const declare echo elseif empty enum extends final finally fn foreach function global implements include include_once instanceof insteadof interface isset list match namespace new or print private protected public readonly require require_once static throw trait try unset use var xor yield', 'bool float int iterable mixed object string void', { line: '//|#(?!\\[)', rest: [['type', String.raw`\$[A-Za-z_]\w*`], ['kw', String.raw`<\?php|\?>`]] }),
  py: language({ line: '#', long: [[String.raw`[rRbBuUfF]{0,2}"""`, '"""'], [String.raw`[rRbBuUfF]{0,2}'''`, "'''"]], strings: ['[rRbBuUfF]{0,2}' + DOUBLE, '[rRbBuUfF]{0,2}' + SINGLE], keywords: 'and as assert async await break case class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return try while with yield self cls', constants: 'True False None', types: 'bool bytes dict float frozenset int list object set str tuple', rest: [['fn', String.raw`@[A-Za-z_][\w.]*`]] }),
  rb: language({ line: '#', keywords: 'alias and begin break case class def defined do else elsif end ensure extend for if in include module next not or private protected public raise redo require require_relative rescue retry return self super then undef unless until when while yield attr_reader attr_writer attr_accessor', constants: 'true false nil', rest: [['num', String.raw`:[A-Za-z_]\w*[?!]?`], ['type', String.raw`@@?[A-Za-z_]\w*`]] }),
  sh: language({ line: String.raw`(?<![^\s;])#`, strings: ["'[^']*(?:'|$)", DOUBLE], keywords: 'if then else elif fi for while until do done case esac in function select time return exit export local readonly declare unset set source alias trap shift eval exec break continue cd echo printf read test sudo', constants: 'true false', rest: [['type', String.raw`\$(?:\{[^}]*\}|[A-Za-z_]\w*|[\d@#?*!$-])`], ['num', String.raw`(?<=\s)--?[A-Za-z][\w-]*`]] }),
  sql: language({ line: '--', block: [String.raw`/\*`, String.raw`\*/`], anycase: true, keywords: 'add all alter analyze and any as asc begin between by cascade case check column commit constraint create cross database default delete desc distinct drop else end except exists explain foreign from full group having if in index inner insert intersect into is join key left like limit materialized natural not offset on or order outer over partition primary procedure recursive references returning revoke right rollback select set table then trigger truncate union unique update using values view when where window with', types: 'bigint bigserial blob bool boolean bytea char date decimal double float int integer interval json jsonb numeric real serial smallint text time timestamp timestamptz uuid varchar' }),
  json: language({ line: '//', block: [String.raw`/\*`, String.raw`\*/`], strings: [DOUBLE], rest: [['fn', String.raw`"(?:[^"\\]|\\.)*"(?=\s*:)`]] }),
  yaml: language({ line: String.raw`(?<![^\s])#`, constants: 'true false null yes no on off', rest: [['fn', String.raw`(?<=^\s*(?:- +)*)[\w./-]+(?=\s*:(?:\s|$))`], ['type', String.raw`[&*][\w-]+`], ['kw', String.raw`^(?:---|\.\.\.)\s*$`]] }),
  ini: language({ line: '[#;]', constants: 'true false', long: [['"""', '"""']], rest: [['kw', String.raw`^\s*\[[^\]]*\]+`], ['fn', String.raw`^\s*[\w.-]+(?=\s*=)`]] }),
  html: language({ block: ['<!--', '-->'], strings: ['(?<==)' + DOUBLE, '(?<==)' + SINGLE], rest: [['kw', String.raw`</?[A-Za-z][\w:-]*|/?>|<![A-Za-z]+`], ['fn', String.raw`[\w:@.-]+(?==)`], ['num', String.raw`&#?\w+;`]] }),
  css: language({ line: String.raw`(?<![:\w])//`, block: [String.raw`/\*`, String.raw`\*/`], rest: [['kw', String.raw`@[\w-]+|!important`], ['fn', String.raw`(?<=^\s*|[{;]\s*)-{0,2}[A-Za-z][\w-]*(?=\s*:)`], ['num', String.raw`#[\da-fA-F]{3,8}\b|-?\d*\.?\d+(?:%|[a-z]+)?`]] }),
  docker: language({ line: '#', anycase: true, rest: [['kw', String.raw`^\s*(?:FROM|RUN|CMD|LABEL|EXPOSE|ENV|ADD|COPY|ENTRYPOINT|VOLUME|USER|WORKDIR|ARG|ONBUILD|STOPSIGNAL|HEALTHCHECK|SHELL)\b`], ['type', String.raw`\$(?:\{[^}]*\}|\w+)`]], keywords: 'as' }),
  make: language({ line: '#', rest: [['fn', String.raw`^[\w./%-]+(?=\s*:(?!=))`], ['type', String.raw`\$(?:\([^)]*\)|\{[^}]*\}|.)`]], keywords: 'define else endef endif export ifdef ifeq ifndef ifneq include override' }),
  lua: language({ line: '--(?!\\[\\[)', block: [String.raw`--\[\[`, String.raw`\]\]`], keywords: 'and break do else elseif end for function goto if in local not or repeat return then until while', constants: 'true false nil' }),
  diff: language({ strings: [], rest: [['kw', '^(?:@@.*|diff .*|index .*|(?:\\+\\+\\+|---) .*)'], ['ins', String.raw`^\+.*`], ['del', '^-.*'], ['', '^.*']] }),
};

const ALIASES = {
  golang: 'go', javascript: 'js', jsx: 'js', ts: 'js', tsx: 'js', typescript: 'js', mjs: 'js', node: 'js', kotlin: 'java', kt: 'java', scala: 'java', cs: 'java', csharp: 'java', 'c#': 'java', groovy: 'java',
  cpp: 'c', 'c++': 'c', cc: 'c', h: 'c', hpp: 'c', cuda: 'c', objc: 'c', rs: 'rust', python: 'py', python3: 'py', ruby: 'rb', bash: 'sh', shell: 'sh', zsh: 'sh', console: 'sh', fish: 'sh', postgres: 'sql', postgresql: 'sql', mysql: 'sql', sqlite: 'sql',
  jsonc: 'json', json5: 'json', jsonl: 'json', yml: 'yaml', toml: 'ini', conf: 'ini', cfg: 'ini', properties: 'ini', systemd: 'ini', xml: 'html', svg: 'html', vue: 'html', scss: 'css', less: 'css', dockerfile: 'docker', makefile: 'make', mk: 'make', patch: 'diff',
};

// languageOf returns the language of a fence's first word; null: it is none that is known, and the
// code stays plain.
export function languageOf(info) {
  const name = (/^[\w+#-]+/.exec(info.trim())?.[0] || '').toLowerCase();
  const at = Object.hasOwn(ALIASES, name) ? ALIASES[name] : name;
  return Object.hasOwn(LANGUAGES, at) ? LANGUAGES[at] : null;
}

// cut returns the pieces of one line, [class, text] each, and what is open at its end: null, or the
// rule whose end is still to come.
export function cut(lang, line, open) {
  const out = [];
  if (line.length > maxLine) return { pieces: [['', line]], open };
  const add = (cls, text) => {
    if (!text) return;
    const last = out[out.length - 1];
    if (last && last[0] === cls) last[1] += text;
    else out.push([cls, text]);
  };
  let at = 0;
  // through goes on to the end of what a rule began, and reports whether the end is in this line.
  const through = (rule) => {
    rule.end.lastIndex = at;
    const m = rule.end.exec(line);
    const to = m ? m.index + m[0].length : line.length;
    add(rule.cls, line.slice(at, to));
    at = to;
    return !!m;
  };
  if (open && !through(open)) return { pieces: out, open };
  next: while (at < line.length) {
    for (const rule of lang.rules) {
      rule.re.lastIndex = at;
      const m = rule.re.exec(line);
      if (!m || !m[0]) continue;
      at += m[0].length;
      if (rule.word) add(wordClass(lang, m[0], line, at), m[0]);
      else add(rule.cls, m[0]);
      if (rule.end && !through(rule)) return { pieces: out, open: rule };
      continue next;
    }
    add('', line[at++]);
  }
  return { pieces: out, open: null };
}

function wordClass(lang, word, line, at) {
  const w = lang.anycase ? word.toLowerCase() : word;
  if (lang.keywords.has(w)) return 'kw';
  if (lang.constants.has(w)) return 'num';
  if (lang.types.has(w)) return 'type';
  return line[at] === '(' ? 'fn' : '';
}

const nodeOf = ([cls, text]) => (cls ? el('span', 'c-' + cls, text) : document.createTextNode(text));

// fill makes a code element hold the text. Lines that are as before stay as they are. It returns
// how many lines it wrote.
export function fill(code, lang, text) {
  const lines = text.split('\n');
  const old = code.lines || [];
  const kept = [];
  while (kept.length < lines.length && kept.length < old.length && old[kept.length].text === lines[kept.length] && (kept.length < lines.length - 1) === old[kept.length].ended) kept.push(old[kept.length]);
  for (const gone of old.slice(kept.length)) for (const n of gone.nodes) n.remove();
  const from = kept.length;
  let open = from ? kept[from - 1].open : null;
  for (let i = from; i < lines.length; i++) {
    const ended = i < lines.length - 1;
    const r = lang ? cut(lang, lines[i], open) : { pieces: [['', lines[i]]], open: null };
    const nodes = r.pieces.map(nodeOf);
    if (ended) nodes.push(document.createTextNode('\n'));
    open = r.open;
    code.append(...nodes);
    kept.push({ text: lines[i], ended, open, nodes });
  }
  code.lines = kept;
  return lines.length - from;
}
