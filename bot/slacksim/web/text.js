// A message as words: for search, quotes and screen readers.
import { bars, decode } from './markdown.js';

// plain returns a text as somebody would type it: mentions by name, links as addresses.
export const plain = (text, names) => decode(text.replace(/<@([^<>|\s]+)(?:\|[^<>]*)?>/g, (all, id) => '@' + (names.user(id) || id))
  .replace(/<#([^<>|\s]+)(?:\|([^<>]*))?>/g, (all, id, name) => '#' + (names.channel(id) || name || id))
  .replace(/<((?:https?:\/\/|mailto:)[^<>|\s]+)(?:\|[^<>]*)?>/g, '$1').replace(/<!([^<>|\s]+)(?:\|([^<>]*))?>/g, (all, id, name) => name || '@' + id));

// ends are the parts of blocks behind which a line ends.
const ends = new Set(['rich_text_section', 'rich_text_preformatted', 'rich_text_quote', 'section', 'context', 'header', 'markdown', 'plain_text', 'mrkdwn', 'raw_text']);

// inBlock collects the words of a block, whatever its kind: of what can be pressed, nothing.
function inBlock(b, names, out) {
  if (Array.isArray(b)) {
    for (const x of b) inBlock(x, names, out);
    return;
  }
  if (!b || typeof b !== 'object') return;
  switch (b.type) {
    case 'actions': case 'context_actions': case 'button': case 'feedback_buttons': case 'icon_button': return;
    case 'user': out.push('@' + (names.user(b.user_id) || b.user_id)); return;
    case 'channel': out.push('#' + (names.channel(b.channel_id) || b.channel_id)); return;
    case 'broadcast': out.push('@' + b.range); return;
    case 'emoji': out.push(':' + b.name + ':'); return;
    case 'link': out.push(b.text || b.url || ''); return;
    case 'raw_number': out.push(String(b.value ?? b.text ?? '') + ' '); return;
  }
  for (const part of ['title', 'caption', 'text', 'elements', 'fields', 'rows', 'details', 'output', 'accessory', 'alt_text', 'label', 'subtitle', 'body', 'child_blocks', 'items', 'block', 'tasks']) {
    const v = b[part];
    if (typeof v === 'string') out.push(b.type === 'text' ? v : plain(v, names));
    else inBlock(v, names, out);
  }
  if (ends.has(b.type)) out.push('\n');
}

// tidy returns the lines of a text that are not empty, without the space around them.
const tidy = (text, good = () => true) => text.split('\n').map((l) => l.trim()).filter((l) => l && good(l)).join('\n');

const known = new WeakMap();

// wordsOf returns all that is said in a message: its text or blocks, what is attached, and the
// names of files. A message is an object that never changes: its words are collected once.
export function wordsOf(m, names) {
  let words = known.get(m);
  if (words !== undefined) return words;
  const out = [];
  if (m.blocks?.length) inBlock(m.blocks, names, out);
  else if (m.text) out.push(plain(m.text, names));
  for (const a of m.attachments || []) {
    out.push('\n', plain([a?.pretext, a?.title, a?.text, a?.fallback && !a.text && !a.blocks ? a.fallback : ''].filter((t) => typeof t === 'string').join(' '), names), '\n');
    inBlock(a?.blocks, names, out);
  }
  for (const f of m.files || []) out.push('\n', f.name);
  words = tidy(out.join(''));
  known.set(m, words);
  return words;
}

const bare = new WeakMap();

// spoken returns what is said in a message without the marks of Markdown.
export function spoken(m, names) {
  let words = bare.get(m);
  if (words === undefined) bare.set(m, words = unmark(wordsOf(m, names)));
  return words;
}

// unmark takes from a text the marks of Markdown that people do not read.
export const unmark = (text) => tidy(text.replace(/^ *(?:```|~~~).*$/gm, '').replace(/^ {0,3}(?:#{1,6}|>) +/gm, '')
  .replace(/!?\[([^\]\n]{1,300})\]\([^\s()]{1,2000}\)/g, '$1').replace(/\*\*|__|~~|`+/g, '').replace(/(?<![\w*])\*(?=\S)([^*\n]{1,500})\*(?![\w*])/g, '$1'), (l) => !bars(l));
