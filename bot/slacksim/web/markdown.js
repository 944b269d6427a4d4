// Markdown and Slack's mrkdwn as DOM nodes. Text only ever becomes text nodes; nothing here parses HTML.
import { el } from './dom.js';

export const decode = (s) => s.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');

export function link(url, kids) {
  if (!/^(https?:\/\/|mailto:)/i.test(url)) return el('span', '', ...kids);
  const a = el('a', '', ...kids);
  a.href = url;
  a.target = '_blank';
  a.rel = 'noopener noreferrer';
  return a;
}

// What both dialects share: code, then Slack's tokens, then links.
const CODE = { re: /(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)/, make: (m) => el('code', '', decode(m[2])) };
const TOKEN = {
  re: /<([@#!])([^<>|\s]+)(?:\|([^<>]*))?>|<((?:https?:\/\/|mailto:)[^<>|\s]+)(?:\|([^<>]*))?>/,
  make: (m, dialect, names) => {
    if (m[4]) return link(decode(m[4]), [decode(m[5] || m[4])]);
    if (m[1] === '@') return el('span', 'at', '@' + (names.user(m[2]) || m[2]));
    if (m[1] === '#') return el('span', 'at', '#' + (names.channel(m[2]) || m[3] || m[2]));
    return el('span', 'at loud', decode(m[3] || '@' + m[2]));
  },
};
const URLS = { re: /https?:\/\/[^\s<>|]*[^\s<>|.,;:!?)\]"'*_]/, make: (m) => link(decode(m[0]), [decode(m[0])]) };
const wrap = (re, tag) => ({ re, make: (m, d, n) => el(tag, '', ...inline(m[1], d, n)) });

const DIALECTS = {
  markdown: [
    { re: /\\([\\`*_{}[\]()#+\-.!~|>])/, make: (m) => m[1] },
    CODE, TOKEN,
    { re: /!?\[([^\]\n]*)\]\(\s*<?([^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)*)>?(?:\s+"[^"]*")?\s*\)/, make: (m, d, n) => link(decode(m[2]), inline(m[1] || m[2], d, n)) },
    URLS,
    wrap(/\*\*\*(?=\S)([\s\S]*?\S)\*\*\*/, 'strong'),
    wrap(/\*\*(?=\S)([\s\S]*?\S\**)\*\*/, 'strong'),
    wrap(/(?<![\w_])__(?=\S)([\s\S]*?\S)__(?![\w_])/, 'strong'),
    wrap(/~~(?=\S)([\s\S]*?\S)~~/, 's'),
    wrap(/\*(?=[^\s*])([^*\n]*[^\s*])\*/, 'em'),
    wrap(/(?<![\w_])_(?=[^\s_])([^_\n]*[^\s_])_(?![\w_])/, 'em'),
  ],
  mrkdwn: [
    CODE, TOKEN, URLS,
    wrap(/(?<!\w)\*(?=\S)([^*\n]*\S)\*(?!\w)/, 'strong'),
    wrap(/(?<!\w)_(?=\S)([^_\n]*\S)_(?!\w)/, 'em'),
    wrap(/(?<!\w)~(?=\S)([^~\n]*\S)~(?!\w)/, 's'),
  ],
};

// inline finds the rule that matches first, makes its node, and goes on behind it.
export function inline(text, dialect, names) {
  const out = [];
  while (text) {
    let best = null;
    for (const rule of DIALECTS[dialect]) {
      const m = rule.re.exec(text);
      if (m && (!best || m.index < best.m.index)) best = { m, rule };
      if (best && best.m.index === 0) break;
    }
    if (!best) break;
    if (best.m.index) out.push(decode(text.slice(0, best.m.index)));
    out.push(best.rule.make(best.m, dialect, names));
    text = text.slice(best.m.index + best.m[0].length);
  }
  if (text) out.push(decode(text));
  return out;
}

const ITEM = /^(\s*)(?:[-*+]|(\d+)[.)])\s+(.*)$/;
const cells = (line) => line.trim().replace(/^\||\|$/g, '').split(/(?<!\\)\|/).map((c) => c.trim().replace(/\\\|/g, '|'));

export function markdown(text, names) {
  const out = document.createDocumentFragment();
  const lines = text.split('\n');
  let para = [];
  const flush = () => {
    if (para.length) out.append(el('p', '', ...inline(para.join('\n'), 'markdown', names)));
    para = [];
  };
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    let m;
    if ((m = /^ *(```+|~~~+)/.exec(line))) {
      flush();
      const code = [];
      const end = new RegExp('^ *' + m[1][0] + '{' + m[1].length + ',}\\s*$');
      for (i++; i < lines.length && !end.test(lines[i]); i++) code.push(lines[i]);
      out.append(el('pre', '', el('code', '', decode(code.join('\n')))));
    } else if ((m = /^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$/.exec(line))) {
      flush();
      out.append(el('h3', '', ...inline(m[1], 'markdown', names)));
    } else if (/^ {0,3}((-\s*){3,}|(\*\s*){3,}|(_\s*){3,})$/.test(line)) {
      flush();
      out.append(el('hr'));
    } else if (line.includes('|') && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)+\|?\s*$/.test(lines[i + 1] || '')) {
      flush();
      const row = (tag, l) => el('tr', '', ...cells(l).map((c) => el(tag, '', ...inline(c, 'markdown', names))));
      const table = el('table', '', el('thead', '', row('th', line)));
      const body = el('tbody');
      for (i += 2; i < lines.length && lines[i].includes('|'); i++) body.append(row('td', lines[i]));
      i--;
      table.append(body);
      out.append(table);
    } else if (/^ {0,3}(>|&gt;)/.test(line)) {
      flush();
      const quote = [];
      for (; i < lines.length && /^ {0,3}(>|&gt;)/.test(lines[i]); i++) quote.push(lines[i].replace(/^ {0,3}(>|&gt;) ?/, ''));
      i--;
      out.append(el('blockquote', '', markdown(quote.join('\n'), names)));
    } else if (ITEM.test(line)) {
      flush();
      const items = [];
      for (; i < lines.length && (ITEM.test(lines[i]) || (/^\s{2,}\S/.test(lines[i]) && !/^ *(```|~~~)/.test(lines[i]))); i++) {
        m = ITEM.exec(lines[i]);
        if (m) items.push({ depth: m[1].length, start: m[2], text: m[3] });
        else items[items.length - 1].text += '\n' + lines[i].trim();
      }
      i--;
      out.append(list(items, names));
    } else if (!line.trim()) {
      flush();
    } else {
      para.push(line);
    }
  }
  flush();
  return out;
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
      out.append(el('pre', '', el('code', '', decode(part))));
      return;
    }
    let run = [];
    let quoted = false;
    const flush = () => {
      const t = run.join('\n').replace(/^\n+|\n+$/g, '');
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
