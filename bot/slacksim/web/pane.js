// A pane with messages: it follows what grows at its end until its reader scrolls up; then a button
// leads back down. Of many messages the newest are drawn at once, and the others above them bit by
// bit.
import { $ } from './dom.js';
import { S } from './store.js';

const near = 60; // pixels from the end that count as the end
export const atOnce = 30; // messages

const below = (pane) => pane.scrollHeight - pane.scrollTop - pane.clientHeight;

// follow is called when a pane's content may have another height.
export function follow(pane) {
  if (!pane.away) pane.scrollTop = pane.scrollHeight;
  else if (below(pane) < 2) pane.away = false;
  pane.was = sizes(pane);
  button(pane);
}

// sizes are the same as long as nothing but its reader moves a pane.
const sizes = (pane) => pane.scrollHeight + ' ' + pane.clientHeight + ' ' + pane.clientWidth;

function button(pane) {
  const down = $(pane.id + '-down');
  const words = pane.news ? `↓ ${pane.news} new` : '↓ Jump to newest';
  if (!pane.away) pane.news = 0;
  if (down.hidden !== !pane.away) down.hidden = !pane.away;
  if (pane.away && down.textContent !== words) down.textContent = words;
}

export function wirePane(pane) {
  pane.addEventListener('scroll', () => {
    if (!pane.away && sizes(pane) !== pane.was) { // what moved it was a picture that came, or a window that shrank
      follow(pane);
      return;
    }
    pane.away = below(pane) > near;
    button(pane);
  }, { passive: true });
  $(pane.id + '-down').onclick = () => {
    toEnd(pane);
    (pane.querySelector('.msg:last-of-type') || pane).focus({ preventScroll: true });
  };
  new ResizeObserver(() => follow(pane)).observe(pane);
}

export function toEnd(pane) {
  pane.away = false;
  pane.news = 0;
  pane.scrollTop = pane.scrollHeight;
  button(pane);
}

// came counts a message that came below what is read.
export function came(pane) {
  if (pane.away) pane.news = (pane.news || 0) + 1;
}

// begin makes a pane show something else: the newest messages first.
export function begin(pane, what) {
  if (pane.what === what) return;
  pane.what = what;
  pane.first = null;
  pane.away = false;
  pane.news = 0;
}

// part returns the messages of a list that are drawn now, and reports whether older ones are still
// to come.
export function part(pane, list) {
  if (pane.first === null || pane.first === undefined) {
    if (!list.length) return { now: list, more: false };
    pane.first = list.length <= atOnce ? '' : list[list.length - atOnce].ts;
  }
  const from = list.findIndex((m) => m.ts >= pane.first);
  return { now: from < 0 ? [] : list.slice(from), more: from > 0 };
}

// older lets some more messages be drawn above.
export function older(pane, list, n) {
  if (!pane.first) return;
  const from = list.findIndex((m) => m.ts >= pane.first);
  pane.first = from > n ? list[from - n].ts : '';
  if (pane.away && pane.scrollTop === 0) pane.scrollTop = 1; // at 0 a browser does not hold what is read in its place
}

// spotOf tells where a pane is scrolled to: the first message that can be seen, and how far from
// the top it is. null: at the end.
export function spotOf(pane) {
  if (!pane.away) return null;
  const top = pane.getBoundingClientRect().top;
  for (const e of pane.querySelectorAll('.msg')) {
    const r = e.getBoundingClientRect();
    if (r.bottom > top) return { what: pane.what, ts: e.message.m.ts, offset: r.top - top };
  }
  return null;
}

// nodeOf returns the node of a message in a pane.
export const nodeOf = (pane, ts) => [...pane.querySelectorAll('.msg')].find((e) => e.message.m.ts === ts && e.message.m.channel === S.channel);
