// The two boxes to write in: sending, drafts, and names offered while one types.
import { editLast } from './actions.js';
import { post, toast } from './api.js';
import { drawPicked, encoded, pasted, picked, wireAttach } from './attach.js';
import { offers } from './complete.js';
import { $, el } from './dom.js';
import { draft, keepDraft } from './memory.js';
import { toEnd } from './pane.js';
import { S, channel } from './store.js';
import { about, openThread, render, still } from './view.js';

export const input = (form) => $(form).querySelector('textarea');

// fit makes a box as high as its text, up to a third of the window.
function fit(box) {
  box.style.height = 'auto';
  if (box.scrollHeight) box.style.height = Math.min(box.scrollHeight, window.innerHeight / 3) + 'px'; // 0: it is not shown
}

const threadOf = (form) => (form === 'reply' ? S.thread : '');

// recallDraft puts into a box what was written in this place and not sent.
export function recallDraft(form) {
  input(form).value = draft(S.me, S.channel, threadOf(form));
  fit(input(form));
}

// invite is Slack's own command; here only the bot can be invited.
async function invite(text) {
  const bot = '@' + S.state.bot.name;
  if (!text.split(/\s+/).includes(bot)) throw new Error('Here only the bot can be invited: /invite ' + bot);
  const to = S.channel;
  await post('invite', { channel: to });
  S.state = await (await fetch('page/state')).json();
  if (S.channel === to) about();
  render();
}

// unheard tells whoever mentioned the bot in a channel where it is not, as Slack does.
function unheard(to, text) {
  const bot = '@' + S.state.bot.name;
  if (!channel(to).bot && text.includes(bot)) toast(`${bot} is not in this channel and hears nothing here. Invite it: /invite ${bot}`);
}

async function send(form) {
  const box = input(form);
  const text = box.value;
  const cells = pasted[form];
  const list = cells ? [] : picked[form]; // files that were picked too stay for the next message
  if (!text.trim() && !list.length && !cells) return;
  const [word] = text.trim().split(/\s/, 1);
  const [me, to, thread] = [S.me, S.channel, threadOf(form)];
  const here = () => S.me === me && S.channel === to && threadOf(form) === thread;
  box.value = '';
  fit(box);
  if (!cells) picked[form] = [];
  drawPicked(form);
  try {
    await say(form, { text, cells, list, word, me, to, thread });
    if (!box.value || !here()) keepDraft(me, to, thread, '');
  } catch (err) {
    if (here()) box.value = box.value || text;
    fit(box);
    if (!cells && !picked[form].length) picked[form] = list;
    drawPicked(form);
    toast(err.message);
  }
}

async function say(form, { text, cells, list, word, me, to, thread }) {
  const rest = text.trim().slice(word.length).trim();
  if (word === '/me' && !list.length) {
    await post('me', { channel: to, thread_ts: thread, text: rest });
    return;
  }
  if (cells) {
    await post('table', { channel: to, thread_ts: thread, text, cells });
    if (pasted[form] === cells) pasted[form] = null;
    drawPicked(form);
    return;
  }
  if (word.length > 1 && /^\/[\w-]+$/.test(word) && !list.length) {
    if (form === 'reply') throw new Error('Slash commands do not work in threads');
    if (word === '/invite') await invite(text);
    else await post('command', { channel: to, command: word, text: rest });
    return;
  }
  toEnd($(form === 'reply' ? 'replies' : 'list'));
  const [there, before] = [still(), S.thread];
  const files = await Promise.all(list.map(encoded));
  const { ts } = await post('say', { user: me, channel: to, thread_ts: thread, text, files });
  unheard(to, text);
  const called = new RegExp('@' + S.state.bot.name + '\\b');
  const open = form === 'box' && S.me === me && S.channel === to && S.thread === before && !S.editing;
  if (open && (called.test(text) || channel(to).kind === 'im')) openThread(ts, !input('box').value && there());
}

// complete offers names behind an @, channels behind a #, emoji behind a colon, commands behind a
// leading /.
function complete(form) {
  const box = input(form);
  const menu = $(form).querySelector('.names');
  const before = box.value.slice(0, box.selectionStart);
  const { from, found } = offers(before, S.state, form === 'box');
  menu.replaceChildren(...found.map((o, i) => {
    const e = el('div', i === 0 ? 'on' : '', o.label);
    e.id = form + '-name-' + i;
    e.text = o.text;
    e.setAttribute('role', 'option');
    e.setAttribute('aria-selected', String(i === 0));
    e.onmousedown = (ev) => { ev.preventDefault(); choose(o.text); };
    return e;
  }));
  showMenu(form, found.length > 0);
  function choose(text) {
    box.setRangeText(text + ' ', from, before.length, 'end');
    box.dispatchEvent(new Event('input'));
    showMenu(form, false);
  }
  menu.pick = () => choose(menu.querySelector('.on').text);
}

function showMenu(form, on) {
  const menu = $(form).querySelector('.names');
  menu.hidden = !on;
  const chosen = on && menu.querySelector('.on');
  if (chosen) input(form).setAttribute('aria-activedescendant', chosen.id);
  else input(form).removeAttribute('aria-activedescendant');
}

function menuKey(form, e) {
  const box = input(form);
  const menu = $(form).querySelector('.names');
  const on = menu.querySelector('.on');
  if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
    const next = e.key === 'ArrowDown' ? on.nextElementSibling : on.previousElementSibling;
    if (next) {
      on.className = '';
      next.className = 'on';
      on.setAttribute('aria-selected', 'false');
      next.setAttribute('aria-selected', 'true');
      showMenu(form, true);
    }
    return true;
  }
  // Enter completes only what is not written out already.
  const typed = box.value.slice(0, box.selectionStart).split(/\s/).pop();
  if (e.key === 'Tab' || (e.key === 'Enter' && typed !== on.text)) {
    menu.pick();
    return true;
  }
  if (e.key === 'Escape') {
    e.stopPropagation();
    showMenu(form, false);
    return true;
  }
  return false;
}

export function wire(form) {
  const box = input(form);
  const menu = $(form).querySelector('.names');
  const pane = $(form === 'reply' ? 'replies' : 'list');
  $(form).onsubmit = (e) => { e.preventDefault(); showMenu(form, false); send(form); };
  wireAttach(form, pane.parentElement);
  box.setAttribute('aria-autocomplete', 'list');
  box.setAttribute('aria-controls', menu.id);
  box.oninput = () => {
    keepDraft(S.me, S.channel, threadOf(form), box.value);
    fit(box);
    complete(form);
  };
  box.onblur = () => showMenu(form, false);
  box.onkeydown = (e) => {
    if (e.isComposing) return;
    if (!menu.hidden && menuKey(form, e)) e.preventDefault();
    else if (e.key === 'Enter' && !e.shiftKey) {
      e.preventDefault();
      $(form).requestSubmit();
    } else if (e.key === 'ArrowUp' && !box.value && editLast(pane, form === 'reply')) e.preventDefault();
  };
}
