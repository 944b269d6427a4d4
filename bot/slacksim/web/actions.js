// What can be done with a message: by buttons that appear on it under the pointer or the focus, and
// by keys.
import { act, post, toast } from './api.js';
import { input } from './compose.js';
import { ask, field } from './dialog.js';
import { $, el } from './dom.js';
import { icon } from './icons.js';
import { S, author, mine, names, place, title } from './store.js';
import { plain, spoken, wordsOf } from './text.js';
import { openThread, render, select, still } from './view.js';

// ACTIONS are in the order of the buttons: {name, key, icon, can, does}.
const ACTIONS = [
  { name: 'Reply in thread', key: 't', icon: 'reply', can: (m, inThread) => !inThread, does: (m) => openThread(m.ts) },
  { name: 'Quote', key: 'q', icon: 'quote', can: () => true, does: quote },
  { name: 'Copy link', key: 'l', icon: 'link', can: () => true, does: copyLink },
  { name: 'Forward', key: 'f', icon: 'forward', can: () => true, does: forward },
  { name: 'Edit', key: 'e', icon: 'edit', can: own, does: (m, inThread) => edit(m, inThread) },
  { name: 'Delete', key: 'Delete', icon: 'remove', can: own, does: remove },
];

function own(m) { return m.user === S.me && !m.bot; }

const possible = (m, inThread) => (m.tombstone || m.ephemeral ? [] : ACTIONS.filter((a) => a.can(m, inThread)));

// edit opens a message for editing, in the pane it stands in.
export function edit(m, inThread) {
  S.editing = place(m, inThread);
  render();
}

// editor is the box in place of a message's text.
export function editor(m) {
  const box = el('textarea');
  box.value = plain(m.text, names);
  box.rows = Math.min(8, box.value.split('\n').length + 1);
  box.ariaLabel = 'Edit the message';
  const done = () => {
    const at = box.closest('.msg');
    if (!box.isConnected) return; // another message is edited by now, or none
    const mine = at?.contains(document.activeElement);
    S.editing = null;
    render();
    if (mine) at.focus({ preventScroll: true });
  };
  const save = async () => { if (await act('edit', { channel: m.channel, ts: m.ts, text: box.value })) done(); };
  const ok = el('button', 'btn primary', 'Save');
  const no = el('button', 'btn', 'Cancel');
  ok.type = no.type = 'button';
  ok.onclick = save;
  no.onclick = done;
  box.onkeydown = (e) => {
    e.stopPropagation();
    if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) { e.preventDefault(); save(); }
    if (e.key === 'Escape') done();
  };
  setTimeout(() => {
    box.focus();
    box.setSelectionRange(box.value.length, box.value.length);
  });
  return el('div', 'edit', box, ok, no);
}

// remove deletes a message, if the person means it.
async function remove(m) {
  const words = spoken(m, names);
  if (await ask({ title: 'Delete this message?', body: [el('blockquote', '', words.length > 200 ? words.slice(0, 200) + '…' : words)], yes: 'Delete', danger: true })) act('delete', { channel: m.channel, ts: m.ts });
}

// write puts a text at the end of a box.
function write(form, text) {
  const box = input(form);
  box.value += text;
  box.dispatchEvent(new Event('input'));
  box.focus();
  box.setSelectionRange(box.value.length, box.value.length);
}

// quote puts what a message says into the box, as a quotation.
function quote(m, inThread) {
  const form = inThread && S.thread ? 'reply' : 'box';
  const before = input(form).value;
  write(form, (before && !before.endsWith('\n') ? '\n' : '') + wordsOf(m, names).split('\n').map((l) => '> ' + l).join('\n') + '\n');
}

// copyLink copies a message's address, which can be pasted here, as in Slack. Where the browser
// lets no page copy, as it does for pages of another machine without TLS, the link goes into the
// box.
async function copyLink(m, inThread) {
  const there = still();
  let url;
  try {
    ({ link: url } = await post('permalink', { channel: m.channel, ts: m.ts }));
  } catch (err) {
    return toast(err.message);
  }
  try {
    await navigator.clipboard.writeText(url);
    toast('The link is copied.', 'good');
  } catch {
    if (!there()) return toast('The browser lets this page copy nothing. The link: ' + url);
    write(inThread && S.thread ? 'reply' : 'box', url + ' ');
    toast('The browser lets this page copy nothing: the link is in the box.', 'good');
  }
}

// forward shares a message in a channel that the person chooses, with a comment or without.
async function forward(m) {
  const to = el('select', '', ...mine().map((c) => {
    const o = el('option', '', c.kind === 'im' ? 'My messages with ' + S.state.bot.name : title(c));
    o.value = c.id;
    return o;
  }));
  to.value = mine().find((c) => c.kind === 'im')?.id || S.channel;
  const comment = el('textarea');
  comment.rows = 2;
  const words = spoken(m, names);
  const preview = el('blockquote', '', el('strong', '', author(m)), ' ' + (words.length > 200 ? words.slice(0, 200) + '…' : words));
  if (!await ask({ title: 'Forward this message', body: [field('To', to), field('Say something about it (may be empty)', comment), preview], yes: 'Forward' })) return;
  const there = still();
  if (!await act('forward', { channel: to.value, text: comment.value, from: m.channel, ts: m.ts })) return;
  if (there()) select(to.value);
  else toast('The message is forwarded.', 'good');
}

// ---- the buttons ----

const bar = { node: null, on: null, offers: '' };

// showTools puts the buttons on a message, and takes them from the last one. While a message offers
// the same, it keeps its buttons, however it grows: one of them may have the focus, or be pressed.
function showTools(e) {
  const { m, inThread } = e.message;
  const list = S.editing === place(m, inThread) ? [] : possible(m, inThread);
  const offers = list.map((a) => a.name).join();
  if (list.length && bar.on === e && bar.node?.isConnected && bar.offers === offers) return;
  if (bar.on === e && bar.node?.contains(document.activeElement)) e.focus({ preventScroll: true });
  hideTools();
  if (!list.length) return;
  bar.node = el('div', 'tools', ...list.map((a) => {
    const b = el('button', 'tool', icon(a.icon));
    b.type = 'button';
    b.ariaLabel = a.name;
    b.title = `${a.name} (${a.key.toUpperCase()})`;
    b.onclick = () => a.does(e.message.m, inThread);
    return b;
  }));
  bar.node.setAttribute('role', 'toolbar');
  bar.node.ariaLabel = 'Message actions';
  bar.on = e;
  bar.offers = offers;
  e.append(bar.node);
}

function hideTools() {
  bar.node?.remove();
  bar.node = bar.on = null;
}

const messageOf = (target) => (target instanceof Element ? target.closest('.msg') : null);

// move goes to the message before or behind; true: there was one.
function move(pane, from, step) {
  const all = [...pane.querySelectorAll('.msg')];
  const i = from ? all.indexOf(from) + step : all.length - 1;
  const to = all[step === -Infinity ? 0 : step === Infinity ? all.length - 1 : i];
  if (!to) return false;
  to.focus({ preventScroll: true });
  to.scrollIntoView({ block: 'nearest' });
  return true;
}

// wireActions makes a pane's messages answer to pointer, focus and keys.
export function wireActions(pane) {
  pane.addEventListener('mouseover', (e) => { const m = messageOf(e.target); if (m && !bar.node?.contains(document.activeElement)) showTools(m); });
  pane.addEventListener('mouseleave', () => { if (!bar.on?.contains(document.activeElement)) hideTools(); });
  pane.addEventListener('focusin', (e) => { const m = messageOf(e.target); if (m) showTools(m); });
  pane.addEventListener('focusout', (e) => { if (!pane.contains(e.relatedTarget)) hideTools(); });
  pane.addEventListener('keydown', (e) => {
    if (e.altKey || e.ctrlKey || e.metaKey) return;
    const on = messageOf(e.target);
    const tools = e.target instanceof Element && e.target.closest('.tools');
    if (tools && (e.key === 'ArrowLeft' || e.key === 'ArrowRight')) {
      e.preventDefault();
      (e.key === 'ArrowLeft' ? e.target.previousElementSibling : e.target.nextElementSibling)?.focus();
      return;
    }
    if (e.target !== pane && e.target !== on) return;
    const steps = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity };
    if (Object.hasOwn(steps, e.key)) {
      if (e.target === pane && e.key === 'ArrowDown') return;
      e.preventDefault();
      move(pane, on, steps[e.key]);
      return;
    }
    if (!on) return;
    const { m, inThread } = on.message;
    if (e.key === 'Enter' || e.key === 'ArrowRight') {
      if (!inThread && !m.ephemeral) { e.preventDefault(); openThread(m.ts); }
      return;
    }
    if (e.key === 'Escape') {
      e.stopPropagation();
      input(inThread ? 'reply' : 'box').focus();
      return;
    }
    const a = possible(m, inThread).find((x) => x.key === (e.key === 'Backspace' ? 'Delete' : e.key.length === 1 ? e.key.toLowerCase() : e.key));
    if (a) {
      e.preventDefault();
      a.does(m, inThread);
    }
  });
}

// editLast opens the newest message of this person in a pane; true: there is one.
export function editLast(pane, inThread) {
  const last = [...pane.querySelectorAll('.msg')].map((e) => e.message.m).findLast((m) => own(m) && !m.tombstone && !m.ephemeral);
  if (last) edit(last, inThread);
  return !!last;
}

// shortcuts are shown in the list of keys.
export const shortcuts = ACTIONS.map((a) => [a.key, a.name]);
