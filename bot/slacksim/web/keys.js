// The keys that work everywhere on the page, and the list of all.
import { shortcuts } from './actions.js';
import { input } from './compose.js';
import { $, el } from './dom.js';
import { openSearch } from './search.js';
import { S, mine } from './store.js';
import { isUnread } from './unread.js';
import { closeThread, select, showNav } from './view.js';

const KEYS = [
  ['Everywhere', [['Ctrl K', 'Search, or go to a channel'], ['F6', 'To the next part of the page'], ['Alt ↑ ↓', 'The channel before, behind'], ['Alt Shift ↑ ↓', '… with something new'], ['Esc', 'Close what is open'], ['Ctrl /', 'These keys']]],
  ['In a box', [['Enter', 'Send'], ['Shift Enter', 'A new line'], ['↑', 'Edit your last message (in an empty box)'], ['@ # : /', 'Names, channels, emoji, commands']]],
  ['On a message', [['↑ ↓', 'The message before, behind'], ['Home End', 'The oldest, the newest'], ['Tab', 'To its buttons'], ['Esc', 'Back to the box'], ...shortcuts.map(([k, what]) => [k.length === 1 ? k.toUpperCase() : k, what])]],
];

function showKeys() {
  const head = el('h2', '', 'Keys');
  head.id = 'keys-title';
  head.tabIndex = -1;
  const ok = el('button', 'btn', 'Close');
  const box = el('dialog', 'ask keys', el('form', '', head, ...KEYS.flatMap(([where, list]) => [
    el('h3', '', where), el('dl', '', ...list.map(([k, what]) => el('div', '', el('dt', '', ...k.split(' ').flatMap((x) => [el('kbd', '', x), ' '])), el('dd', '', what)))),
  ]), el('div', 'row', ok)));
  box.setAttribute('aria-labelledby', 'keys-title');
  box.firstChild.method = 'dialog';
  box.onclose = () => box.remove();
  box.onkeydown = (e) => e.stopPropagation();
  document.body.append(box);
  box.showModal();
  head.focus(); // the beginning is shown first
}

// regions are the parts of the page that F6 goes through.
const regions = () => [
  $('channels').querySelector('[aria-current]') || $('me'), S.tab === 'home' ? $('home') : $('list'), input('box'), $('replies'), input('reply'),
  $('panel').querySelector('button, select, input, textarea, [tabindex]'),
].filter((e) => e && e.getClientRects().length);

function nextRegion(step) {
  const all = regions();
  const now = document.activeElement;
  let i = all.findIndex((e) => e === now || (e.classList.contains('scroll') && e.contains(now)));
  if (i < 0) i = step > 0 ? -1 : 0;
  all[(i + step + all.length) % all.length].focus();
}

function nextChannel(step, fresh) {
  const all = mine();
  const i = all.findIndex((c) => c.id === S.channel);
  for (let n = 1; n < all.length; n++) {
    const c = all[(i + step * n + n * all.length) % all.length];
    if (!fresh || isUnread(c.id)) return select(c.id);
  }
}

export function wireKeys() {
  $('keys-button').onclick = showKeys;
  document.addEventListener('keydown', (e) => {
    const ctrl = e.ctrlKey || e.metaKey;
    if (ctrl && !e.altKey && e.key.toLowerCase() === 'k') openSearch();
    else if (ctrl && e.key === '/') showKeys();
    else if (e.key === 'F6') nextRegion(e.shiftKey ? -1 : 1);
    else if (e.altKey && !ctrl && (e.key === 'ArrowUp' || e.key === 'ArrowDown')) nextChannel(e.key === 'ArrowUp' ? -1 : 1, e.shiftKey);
    else if (e.key === 'Escape' && document.body.classList.contains('nav-open')) showNav(false);
    else if (e.key === 'Escape' && S.thread) closeThread();
    else return;
    e.preventDefault();
  });
}
