// Markdown and Slack's mrkdwn as DOM nodes. Text only ever becomes text nodes; nothing here parses
// HTML.
import { fill, languageOf } from './code.js';
import { el } from './dom.js';
import { EMOJI, emoji } from './emoji.js';

export const decode = (s) => s.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');

export function link(url, kids) {
  if (!/^(https?:\/\/|mailto:)/i.test(url)) return el('span', '', ...kids);
  const a = el('a', '', ...kids);
  a.href = url;
  a.target = '_blank';
  a.rel = 'noopener noreferrer';
  return a;
}

// emojiNode returns an emoji that says its name; null: there is none of that name.
export function emojiNode(name, tone) {
  const sign = emoji(name, tone);
  if (!sign) return null;
  const e = el('span', 'emoji', sign);
  e.setAttribute('role', 'img');
  e.setAttribute('aria-label', name.replace(/[_-]/g, ' '));
  e.title = `:${name}:`;
  return e;
}

// What both dialects share: code, then Slack's tokens, then links.
const CODE = { re: /(?<!`)(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)/g, make: (m) => el('code', '', decode(m[2])) };
const TOKEN = {
  re: /<([@#!])([^<>|\s]+)(?:\|([^<>]*))?>|<((?:https?:\/\/|mailto:)[^<>|\s]+)(?:\|([^<>]*))?>/g,
  make: (m, dialect, names) => {
    if (m[4]) return link(decode(m[4]), [decode(m[5] || m[4])]);
    if (m[1] === '@') return el('span', 'at', '@' + (names.user(m[2]) || m[2]));
    if (m[1] === '#') return el('span', 'at', '#' + (names.channel(m[2]) || m[3] || m[2]));
    return el('span', 'at loud', decode(m[3] || '@' + m[2]));
  },
};
const URLS = { re: /https?:\/\/[^\s<>|]*[^\s<>|.,;:!?)\]"'*_]/g, make: (m) => link(decode(m[0]), [decode(m[0])]) };
const NAMED = { re: EMOJI, make: (m) => emojiNode(m[1], Number(m[2])) };
const deepest = 12; // quotes in quotes, and marks in marks; further ones are text
const within = (text, d, n, depth) => (depth < deepest ? inline(text, d, n, depth + 1) : [decode(text)]);
const wrap = (re, tag) => ({ re, make: (m, d, n, depth) => el(tag, '', ...within(m[1], d, n, depth)) });

const DIALECTS = {
  markdown: [
    { re: /\\([\\`*_{}[\]()#+\-.!~|>])/g, make: (m) => m[1] },
    CODE, TOKEN, NAMED,
    { re: /!?\[([^\]\n]{0,500})\]\(\s*(?!\s)<?([^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)*)>?(?:\s+"[^"]*")?\s*\)/g, make: (m, d, n, depth) => link(decode(m[2]), within(m[1] || m[2], d, n, depth)) },
    URLS,
    wrap(/\*\*\*(?=\S)([\s\S]*?\S)\*\*\*/g, 'strong'),
    wrap(/\*\*(?=\S)([\s\S]*?\S\**)\*\*/g, 'strong'),
    wrap(/(?<![\w_])__(?=\S)([\s\S]*?\S)__(?![\w_])/g, 'strong'),
    wrap(/~~(?=\S)([\s\S]*?\S)~~/g, 's'),
    wrap(/\*(?=[^\s*])([^*\n]*[^\s*])\*/g, 'em'),
    wrap(/(?<![\w_])_(?=[^\s_])([^_\n]*[^\s_])_(?![\w_])/g, 'em'),
  ],
  mrkdwn: [
    CODE, TOKEN, NAMED, URLS,
    wrap(/(?<!\w)\*(?=\S)([^*\n]*\S)\*(?!\w)/g, 'strong'),
    wrap(/(?<!\w)_(?=\S)([^_\n]*\S)_(?!\w)/g, 'em'),
    wrap(/(?<!\w)~(?=\S)([^~\n]*\S)~(?!\w)/g, 's'),
  ],
};

// inline finds the rule that matches first, makes its node, and goes on behind it. What a rule
// finds is kept until the text before it is used up: so a long text is searched once by each rule,
// and not once for each mark in it.
export function inline(text, dialect, names, depth = 0) {
  const rules = DIALECTS[dialect];
  const found = new Array(rules.length);
  const out = [];
  let plain = 0; // where the text begins that is not in out yet
  const flush = (to) => { if (to > plain) out.push(decode(text.slice(plain, to))); };
  for (let at = 0; at < text.length;) {
    let best = null;
    let rule = null;
    for (let i = 0; i < rules.length; i++) {
      let m = found[i];
      if (m === undefined || (m && m.index < at)) {
        rules[i].re.lastIndex = at;
        m = found[i] = rules[i].re.exec(text);
      }
      if (m && (!best || m.index < best.index)) [best, rule] = [m, rules[i]];
      if (best && best.index === at) break;
    }
    if (!best) break;
    const made = rule.make(best, dialect, names, depth);
    at = best.index + best[0].length;
    if (made === null) continue; // it is text after all
    flush(best.index);
    out.push(made);
    plain = at;
  }
  flush(text.length);
  return out;
}

// The patterns of lines. In none of them do two parts without a bound stand beside each other that
// take the same characters: on a line that does not match they would try each way to share it.
const ITEM = /^(\s*)(?:[-*+]|(\d+)[.)])\s(.*)$/s;
const cells = (line) => line.trim().replace(/^\||\|$/g, '').split(/(?<!\\)\|/).map((c) => c.trim().replace(/\\\|/g, '|'));

const FENCE = /^ *(`{3,}|~{3,}(?!~))([^`]*)$/;
const HEADING = /^ {0,3}#{1,6}\s(.*)$/s;
const RULE = /^ {0,3}((-\s*){3,}|(\*\s*){3,}|(_\s*){3,})$/;
const QUOTE = /^ {0,3}(>|&gt;) ?/;

// bars reports whether a line is the one under a table's head: dashes in each of its cells.
export function bars(line) {
  const all = cells(line);
  return all.length > 1 && all.every((c) => /^:?-+:?$/.test(c));
}

// heading returns the text of a heading, without the # that may close it.
function heading(text) {
  const t = text.trim();
  let to = t.length;
  while (t[to - 1] === '#') to--;
  return to && /\S/.test(t[to - 1]) ? t : t.slice(0, to).trim(); // C# is no closed heading
}

// split cuts a text into blocks, without looking into them: {kind, text}, and for code {info,
// closed}.
export function split(text) {
  const out = [];
  const lines = text.split('\n');
  let para = [];
  const flush = () => {
    if (para.length) out.push({ kind: 'p', text: para.join('\n') });
    para = [];
  };
  const add = (block) => { flush(); out.push(block); };
  // run takes lines from i on as long as they go on, and returns the line behind them.
  const run = (i, goesOn) => { while (i < lines.length && goesOn(lines[i])) i++; return i; };
  for (let i = 0; i < lines.length;) {
    const line = lines[i];
    let m;
    let to = i + 1;
    if ((m = FENCE.exec(line))) {
      const end = new RegExp('^ *' + m[1][0] + '{' + m[1].length + ',}\\s*$');
      to = run(i + 1, (l) => !end.test(l));
      add({ kind: 'code', info: m[2].trim(), text: lines.slice(i + 1, to).join('\n'), closed: to < lines.length });
      to++;
    } else if ((m = HEADING.exec(line))) {
      add({ kind: 'h3', text: heading(m[1]) });
    } else if (RULE.test(line)) {
      add({ kind: 'hr', text: '' });
    } else if (line.includes('|') && bars(lines[i + 1] || '')) {
      to = run(i + 2, (l) => l.includes('|'));
      add({ kind: 'table', text: lines.slice(i, to).join('\n') });
    } else if (QUOTE.test(line)) {
      to = run(i, (l) => QUOTE.test(l));
      add({ kind: 'quote', text: lines.slice(i, to).map((l) => l.replace(QUOTE, '')).join('\n') });
    } else if (ITEM.test(line)) {
      to = run(i, (l) => ITEM.test(l) || (/^\s{2,}\S/.test(l) && !FENCE.test(l)));
      add({ kind: 'list', text: lines.slice(i, to).join('\n') });
    } else if (!line.trim()) {
      flush();
    } else {
      para.push(line);
    }
    i = to;
  }
  flush();
  return out;
}

function node(b, names, depth) {
  const inner = (text) => inline(text, 'markdown', names);
  switch (b.kind) {
    case 'code': {
      const code = el('code');
      fill(code, languageOf(b.info), decode(b.text));
      return codeBox(code);
    }
    case 'h3': return el('h3', '', ...inner(b.text));
    case 'hr': return el('hr');
    case 'table': {
      const [head, , ...rest] = b.text.split('\n');
      const row = (tag, l) => el('tr', '', ...cells(l).map((c) => el(tag, '', ...inner(c))));
      return el('table', '', el('thead', '', row('th', head)), el('tbody', '', ...rest.map((l) => row('td', l))));
    }
    case 'quote': return el('blockquote', '', ...(depth < deepest ? split(b.text).map((x) => node(x, names, depth + 1)) : inner(b.text)));
    case 'list': {
      const items = [];
      for (const line of b.text.split('\n')) {
        const m = ITEM.exec(line);
        if (m) items.push({ depth: m[1].length, start: m[2], text: m[3].trim() });
        else items[items.length - 1].text += '\n' + line.trim();
      }
      return list(items, names);
    }
    default: return el('p', '', ...inner(b.text));
  }
}

// codeBox is a box that code scrolls in; without a mouse too.
export function codeBox(code) {
  const pre = el('pre', '', code);
  pre.tabIndex = 0;
  return pre;
}

// markdownSpecs describes a text's blocks for sync: of a text that grows only the last block is
// touched.
export function markdownSpecs(text, names) {
  return split(text).map((b, i) => ({
    key: i + b.kind + (b.info || ''),
    sig: b.text,
    make: () => node(b, names, 0),
    update: b.kind === 'code' ? (pre) => fill(pre.firstChild, languageOf(b.info), decode(b.text)) : undefined,
  }));
}

// list nests items by their indentation.
function list(items, names) {
  const first = items[0];
  const top = el(first.start === undefined ? 'ul' : 'ol');
  if (first.start !== undefined) top.start = Number(first.start);
  for (let i = 0; i < items.length; i++) {
    const task = /^\[([ xX])\]\s+/.exec(items[i].text);
    const li = el('li', '', ...inline((task ? (task[1] === ' ' ? '☐ ' : '☑ ') : '') + items[i].text.replace(/^\[[ xX]\]\s+/, ''), 'markdown', names));
    let j = i + 1;
    while (j < items.length && items[j].depth > items[i].depth + 1) j++;
    if (j > i + 1) li.append(list(items.slice(i + 1, j), names));
    i = j - 1;
    top.append(li);
  }
  return top;
}

// mrkdwn is Slack's own dialect: what people type, and text objects in blocks.
export function mrkdwn(text, names) {
  const out = document.createDocumentFragment();
  text.split(/```\n?([\s\S]*?)\n?```/).forEach((part, i) => {
    if (i % 2) {
      const code = el('code');
      fill(code, null, decode(part));
      out.append(codeBox(code));
      return;
    }
    let run = [];
    let quoted = false;
    const flush = () => {
      const t = run.join('\n').replace(/^\n+|(?<!\n)\n+$/g, '');
      if (t) {
        const p = el('p', '', ...inline(t, 'mrkdwn', names));
        out.append(quoted ? el('blockquote', '', p) : p);
      }
      run = [];
    };
    for (const line of part.split('\n')) {
      const q = /^(&gt;|>)/.test(line);
      if (q !== quoted) {
        flush();
        quoted = q;
      }
      run.push(q ? line.replace(/^(&gt;|>) ?/, '') : line);
    }
    flush();
  });
  return out;
}
