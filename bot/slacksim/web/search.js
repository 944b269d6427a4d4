// Search in all that a person sees, and the way to a channel by its name.
import { $, el } from './dom.js';
import { withEmoji } from './emoji.js';
import { icon } from './icons.js';
import { S, author, clock, day, mine, names, title } from './store.js';
import { spoken } from './text.js';
import { jump, select } from './view.js';

const most = 50; // hits
const turn = 12; // milliseconds of work at a time

// fold makes texts comparable: no capitals, no accents. The length stays, so that a place in one is
// a place in the other.
export const fold = (s) => [...s].map((c) => {
  const f = c.normalize('NFD')[0].toLowerCase();
  return f.length === c.length ? f : c;
}).join('');

// parse returns what a query asks for: words, "phrases", from:name, in:channel.
export function parse(query) {
  const out = { words: [], from: [], in: [] };
  for (const [, field, , phrase, word] of fold(query).matchAll(/(?:(from|in):([@#]?))?(?:"([^"]*)"?|(\S+))/g)) {
    const text = (phrase ?? word ?? '').replace(/^[@#]/, (c) => (field ? '' : c));
    if (text) out[field || 'words'].push(text);
  }
  return out;
}

// matcher returns a function that reports whether a message is one that is asked for. about returns
// its author, channel and words.
export function matcher(q, about) {
  return (m) => {
    const a = about(m);
    return q.from.every((f) => fold(a.author).startsWith(f)) && q.in.every((c) => fold(a.channel).startsWith(c)) && q.words.every((w) => a.folded.includes(w));
  };
}

// snippet returns the part of a text around the first of some words, in pieces: [text, whether it
// is one of the words].
export function snippet(text, words, wide = 160) {
  const low = fold(text);
  const first = Math.min(...words.map((w) => low.indexOf(w)).filter((i) => i >= 0), low.length);
  let from = first === low.length ? 0 : Math.max(0, first - wide / 3);
  if (from > 0) from = Math.min(first, low.indexOf(' ', from) + 1 || from);
  const to = Math.min(text.length, from + wide);
  const out = [];
  if (from > 0) out.push(['…', false]);
  for (let i = from; i < to;) {
    const next = words.map((w) => [low.indexOf(w, i), w.length]).filter(([n]) => n >= 0 && n < to).sort((a, b) => a[0] - b[0] || b[1] - a[1])[0];
    if (!next) {
      out.push([text.slice(i, to), false]);
      break;
    }
    if (next[0] > i) out.push([text.slice(i, next[0]), false]);
    out.push([text.slice(next[0], next[0] + next[1]), true]);
    i = next[0] + next[1];
  }
  if (to < text.length) out.push(['…', false]);
  return out;
}

const folded = new WeakMap();

function about(m) {
  let f = folded.get(m);
  if (f === undefined) folded.set(m, f = fold(spoken(m, names)));
  return { author: author(m), channel: title(S.state.channels.find((c) => c.id === m.channel)).replace('#', ''), folded: f };
}

// ---- the window ----

function hit(m, q) {
  const c = S.state.channels.find((x) => x.id === m.channel);
  const where = `${title(c)}${m.thread_ts ? ' · in a thread' : ''} · ${day(m.ts)} ${clock(m.ts)}`;
  return {
    go: () => jump(m.channel, m.ts),
    node: el('div', '', el('div', 'small', el('strong', '', author(m)), ' · ' + where), el('div', 'words', ...snippet(withEmoji(spoken(m, names).replace(/\n/g, ' ')), q.words).map(([t, is]) => (is ? el('mark', '', t) : t)))),
  };
}

let run = 0; // the newest search; an older one ends

async function search(query) {
  const mineNow = ++run;
  const q = parse(query);
  const word = fold(query.trim()).replace(/^[@#]/, '');
  const hits = mine().filter((c) => fold(title(c)).replace('#', '').startsWith(word)).slice(0, query.trim() ? 4 : 20)
    .map((c) => ({ go: () => select(c.id), node: el('div', 'channel', 'Go to ', el('strong', '', title(c))) }));
  if (query.trim()) {
    const is = matcher(q, about);
    let since = performance.now();
    let n = 0;
    for (const m of [...S.messages.values()].sort((a, b) => (a.ts < b.ts ? 1 : -1))) {
      if (performance.now() - since > turn) {
        await new Promise((done) => { setTimeout(done); });
        if (mineNow !== run) return;
        since = performance.now();
      }
      if (!m.tombstone && is(m) && n++ < most) hits.push(hit(m, q));
    }
    $('found').textContent = n === 0 ? 'No message says that.' : n > most ? `${n} messages; the newest ${most} are shown.` : n === 1 ? '1 message' : `${n} messages`;
  } else $('found').textContent = 'Words, "whole phrases", from:name, in:channel';
  draw(hits);
}

function draw(hits) {
  $('hits').replaceChildren(...hits.map((h, i) => {
    h.node.classList.add('hit');
    h.node.id = 'hit-' + i;
    h.node.setAttribute('role', 'option');
    h.node.onclick = () => choose(h.node);
    h.node.go = h.go;
    return h.node;
  }));
  mark($('hits').firstChild);
}

function mark(node) {
  for (const e of $('hits').children) e.setAttribute('aria-selected', String(e === node));
  if (!node) {
    $('query').removeAttribute('aria-activedescendant');
    return;
  }
  $('query').setAttribute('aria-activedescendant', node.id);
  node.scrollIntoView({ block: 'nearest' });
}

function choose(node) {
  $('search').close();
  node.go();
}

export function openSearch() {
  if ($('search').open) return;
  $('search').showModal();
  $('query').select();
  search($('query').value);
}

// wireSearch makes the window answer to its keys.
export function wireSearch() {
  $('search-button').prepend(icon('search', 15));
  $('search-button').onclick = openSearch;
  $('query').oninput = () => search($('query').value);
  $('search').onclose = () => { run++; };
  $('search').onclick = (e) => { if (e.target === $('search')) $('search').close(); };
  $('search').onkeydown = (e) => {
    e.stopPropagation();
    const on = $('hits').querySelector('[aria-selected=true]');
    if (e.key === 'Enter' && !e.isComposing && on) {
      e.preventDefault();
      choose(on);
    }
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      e.preventDefault();
      const next = e.key === 'ArrowDown' ? on?.nextElementSibling : on?.previousElementSibling;
      if (next) mark(next);
    }
  };
}
