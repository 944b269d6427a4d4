// The two boxes to write in: sending, files, and names offered while one types.
import { act, post, toast } from './api.js';
import { $, el } from './dom.js';
import { toEnd } from './pane.js';
import { S, channel, size } from './store.js';
import { about, openThread, render, select } from './view.js';

export const input = (form) => $(form).querySelector('textarea');

// picked holds the files that were chosen for each box and are not sent yet.
const picked = { box: [], reply: [] };
// pasted holds the cells that were pasted into each box.
const pasted = { box: null, reply: null };
const maxFiles = 20e6; // bytes; the workspace refuses requests of more than 32 MB

function drawPicked(form) {
  $(form).querySelector('.picked').replaceChildren(...picked[form].map((f, i) => {
    const off = el('button', '', '×');
    off.type = 'button';
    off.ariaLabel = 'Remove ' + f.name;
    off.onclick = () => { picked[form].splice(i, 1); drawPicked(form); };
    return el('span', 'file', f.name + ' · ' + size(f.size), off);
  }));
  if (pasted[form]) {
    const off = el('button', '', '×');
    off.type = 'button';
    off.ariaLabel = 'Remove the table';
    off.onclick = () => { pasted[form] = null; drawPicked(form); };
    $(form).querySelector('.picked').append(el('span', 'file', 'table · ' + pasted[form].length + ' rows', off));
  }
}

// cellsOf returns the cells of what was copied from a spreadsheet; null: it is none.
export function cellsOf(text) {
  const rows = text.replace(/\r/g, '').replace(/\n+$/, '').split('\n').map((l) => l.split('\t'));
  return rows.length > 1 && rows.every((r) => r.length > 1) ? rows : null;
}

// forward shares a message in the channel whose name the person gives, with a comment or without.
export async function forward(m) {
  const name = window.prompt('Forward to which channel? (bot: your messages with the bot)', 'bot');
  if (name === null) return;
  const to = S.state.channels.find((c) => (name === 'bot' ? c.im === S.me : c.name === name.replace(/^#/, '')));
  if (!to) return toast('There is no channel ' + name);
  const comment = window.prompt('Say something about it (may be empty)', '');
  if (comment === null) return;
  if (await act('forward', { channel: to.id, text: comment, from: m.channel, ts: m.ts })) select(to.id);
}

// linkTo puts the address of a message into the box.
export async function linkTo(m) {
  try {
    const { link: url } = await post('permalink', { channel: m.channel, ts: m.ts });
    const box = input(S.thread ? 'reply' : 'box');
    box.setRangeText(url + ' ', box.selectionStart, box.selectionEnd, 'end');
    box.focus();
  } catch (err) {
    toast(err.message);
  }
}

// record begins or ends a voice clip, which is then sent like a file.
async function record(form, button) {
  if (record.now) return record.now.stop();
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const r = record.now = new MediaRecorder(stream);
    const parts = [];
    r.ondataavailable = (e) => parts.push(e.data);
    r.onstop = () => {
      record.now = null;
      button.textContent = '🎤';
      for (const t of stream.getTracks()) t.stop();
      pick(form, [new File(parts, 'audio_message.mp4', { type: 'video/mp4' })]);
    };
    button.textContent = '■';
    r.start();
  } catch (err) {
    toast('No microphone: ' + err.message);
  }
}

export function pick(form, list) {
  picked[form].push(...list);
  if (picked[form].reduce((n, f) => n + f.size, 0) > maxFiles) {
    picked[form].length = 0;
    toast('These files are too large for this page: 20 MB together is the most.');
  }
  drawPicked(form);
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

// unheard tells whoever mentions the bot where it is not, as Slack does.
function unheard(text) {
  const bot = '@' + S.state.bot.name;
  if (!channel(S.channel).bot && text.includes(bot)) toast(`${bot} is not in this channel and hears nothing here. Invite it: /invite ${bot}`);
}

const encoded = (f) => new Promise((done, failed) => {
  const r = new FileReader();
  r.onload = () => done({ name: f.name, type: f.type.split(';')[0], data: r.result.slice(r.result.indexOf(',') + 1) });
  r.onerror = () => failed(new Error(f.name + ' cannot be read'));
  r.readAsDataURL(f);
});

async function send(form) {
  const box = input(form);
  const text = box.value;
  const cells = pasted[form];
  const list = cells ? [] : picked[form]; // files that were picked too stay for the next message
  if (!text.trim() && !list.length && !cells) return;
  const [word] = text.trim().split(/\s/, 1);
  box.value = '';
  if (!cells) picked[form] = [];
  drawPicked(form);
  try {
    if (word === '/me' && !list.length) {
      await post('me', { channel: S.channel, thread_ts: form === 'reply' ? S.thread : '', text: text.trim().slice(3).trim() });
      return;
    }
    if (cells) {
      await post('table', { channel: S.channel, thread_ts: form === 'reply' ? S.thread : '', text, cells });
      pasted[form] = null;
      drawPicked(form);
      return;
    }
    if (word.length > 1 && /^\/[\w-]+$/.test(word) && !list.length) {
      if (form === 'reply') throw new Error('Slash commands do not work in threads');
      if (word === '/invite') await invite(text);
      else await post('command', { channel: S.channel, command: word, text: text.trim().slice(word.length).trim() });
      return;
    }
    const files = await Promise.all(list.map(encoded));
    toEnd($(form === 'reply' ? 'replies' : 'list'));
    const { ts } = await post('say', { channel: S.channel, thread_ts: form === 'reply' ? S.thread : '', text, files });
    unheard(text);
    const to = new RegExp('@' + S.state.bot.name + '\\b');
    if (form === 'box' && (to.test(text) || channel(S.channel).kind === 'im')) openThread(ts);
  } catch (err) {
    box.value = box.value || text;
    if (!cells && !picked[form].length) picked[form] = list;
    drawPicked(form);
    toast(err.message);
  }
}

// complete offers names behind an @, commands behind a leading /.
function complete(form) {
  const box = input(form);
  const menu = $(form).querySelector('.names');
  const before = box.value.slice(0, box.selectionStart);
  const at = /(^|[\s(])@([\w-]*)$/.exec(before);
  const slash = form === 'box' && /^\/([\w-]*)$/.exec(before);
  let found = [];
  if (at) found = [S.state.bot.name, ...S.state.users.map((u) => u.name)].filter((n, i, l) => l.indexOf(n) === i && n.startsWith(at[2].toLowerCase())).map((n) => '@' + n);
  else if (slash) found = S.state.commands.filter((c) => c.startsWith(before));
  menu.replaceChildren(...found.slice(0, 6).map((n, i) => {
    const e = el('div', i === 0 ? 'on' : '', n);
    e.onmousedown = (ev) => { ev.preventDefault(); choose(n); };
    return e;
  }));
  menu.hidden = !found.length;
  function choose(name) {
    const start = at ? before.length - at[2].length - 1 : 0;
    box.setRangeText(name + ' ', start, before.length, 'end');
    menu.hidden = true;
  }
  menu.pick = () => choose(menu.querySelector('.on').textContent);
}

export function wire(form) {
  const box = input(form);
  const menu = $(form).querySelector('.names');
  const choose = $(form).querySelector('input[type=file]');
  $(form).onsubmit = (e) => { e.preventDefault(); menu.hidden = true; send(form); };
  choose.onchange = () => { pick(form, choose.files); choose.value = ''; box.focus(); };
  $(form).querySelector('.attach').onclick = () => choose.click();
  $(form).ondragover = (e) => e.preventDefault();
  $(form).ondrop = (e) => { e.preventDefault(); pick(form, e.dataTransfer.files); };
  const mic = el('button', 'attach', '🎤');
  mic.type = 'button';
  mic.ariaLabel = 'Record a voice clip';
  mic.onclick = () => record(form, mic);
  $(form).querySelector('.attach').after(mic);
  box.onpaste = (e) => {
    const cells = cellsOf(e.clipboardData.getData('text/plain'));
    if (cells) {
      e.preventDefault();
      pasted[form] = cells;
      drawPicked(form);
    } else if (e.clipboardData.files.length) {
      e.preventDefault();
      pick(form, e.clipboardData.files);
    }
  };
  box.oninput = () => complete(form);
  box.onblur = () => { menu.hidden = true; };
  box.onkeydown = (e) => {
    if (e.isComposing) return;
    if (!menu.hidden) {
      const on = menu.querySelector('.on');
      const next = { ArrowDown: on.nextElementSibling, ArrowUp: on.previousElementSibling }[e.key];
      if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
        e.preventDefault();
        if (next) { on.className = ''; next.className = 'on'; }
        return;
      }
      // Enter completes only what is not written out already.
      const typed = box.value.slice(0, box.selectionStart).split(/\s/).pop();
      if (e.key === 'Tab' || (e.key === 'Enter' && typed !== on.textContent)) { e.preventDefault(); menu.pick(); return; }
      if (e.key === 'Escape') { e.stopPropagation(); menu.hidden = true; return; }
    }
    if (e.key === 'Enter' && !e.shiftKey) { e.preventDefault(); $(form).requestSubmit(); }
  };
}
