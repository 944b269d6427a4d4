'use strict';

const $ = (id) => document.getElementById(id);
const S = { state: null, me: null, channel: null, thread: null, messages: new Map(), statuses: [], unread: new Set(), drafts: new Map(), source: null, first: true };
const key = (m) => m.channel + ' ' + m.ts;
const names = {
  user: (id) => S.state.users.find((u) => u.id === id)?.name,
  channel: (id) => S.state.channels.find((c) => c.id === id)?.name,
};

async function post(path, body) {
  const res = await fetch('page/' + path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ user: S.me, ...body }) });
  let out = {};
  try {
    out = await res.json();
  } catch {
    out = { error: 'HTTP ' + res.status };
  }
  if (!res.ok) throw new Error(out.no_socket ? out.error + ': no bot is connected' : out.error);
  return out;
}

function toast(text) {
  $('toast').textContent = text;
  $('toast').hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { $('toast').hidden = true; }, 6000);
}

// ---- one message ----

function block(b, m) {
  switch (b.type) {
    case 'markdown': return markdown(b.text, names);
    case 'section': {
      const e = el('div');
      if (b.text) e.append(textObject(b.text));
      for (const f of b.fields || []) e.append(textObject(f));
      if (b.accessory) e.append(element(b.accessory, m));
      return e;
    }
    case 'context': return el('div', 'small', ...b.elements.map((e) => textObject(e)));
    case 'header': return el('h3', '', b.text.text);
    case 'divider': return el('hr');
    case 'actions': case 'context_actions': return el('div', '', ...b.elements.map((e) => element(e, m)));
    default: return el('div', 'small', '[' + b.type + ']');
  }
}

function textObject(t) {
  if (t.type === 'plain_text') return el('p', '', t.text);
  if (t.type === 'mrkdwn') return mrkdwn(t.text, names);
  return el('span', '', '[' + t.type + ']');
}

function element(e, m) {
  if (e.type !== 'button') return el('span', 'small', '[' + e.type + ']');
  const b = el('button', 'btn ' + (e.style || ''), e.text.text);
  b.type = 'button';
  b.dataset.key = 'click ' + key(m) + ' ' + e.action_id;
  b.onclick = () => {
    b.disabled = true;
    post('click', { channel: m.channel, ts: m.ts, action_id: e.action_id }).catch((err) => { b.disabled = false; toast(err.message); });
  };
  return b;
}

function face(u) {
  const f = el('div', 'face', (u?.bot ? '✦' : (u?.name || '?')[0].toUpperCase()));
  f.ariaHidden = 'true';
  const hue = [...(u?.id || '')].reduce((h, c) => (h * 31 + c.charCodeAt(0)) % 360, 7);
  f.style.background = u?.bot ? '#1f2d3d' : `hsl(${hue} 42% 45%)`;
  return f;
}

function message(m, inThread) {
  const u = S.state.users.find((x) => x.id === m.user);
  const body = el('div', 'body');
  if (m.ephemeral) body.append(el('p', 'note', 'Only visible to you'));
  const head = el('div', '', el('span', 'who', u?.name || m.user));
  if (m.bot) head.append(el('span', 'tag', 'APP'));
  if (u?.guest) head.append(el('span', 'tag', 'GUEST'));
  if (u?.external) head.append(el('span', 'tag', 'EXTERNAL'));
  head.append(el('span', 'when', new Date(m.ts * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })));
  body.append(head);
  if (m.tombstone) {
    body.append(el('p', 'small', 'This message was deleted.'));
  } else if (m.blocks?.length) {
    for (const b of m.blocks) body.append(block(b, m));
  } else {
    body.append(mrkdwn(m.text, names));
  }
  if (m.edited) body.append(el('span', 'mark', '(edited)'));
  if (!inThread && m.replies > 0) {
    const open = el('button', 'thread-link', m.replies === 1 ? '1 reply' : m.replies + ' replies');
    open.onclick = () => openThread(m.ts);
    body.append(open);
  } else if (!inThread && !m.ephemeral && !m.tombstone) {
    const open = el('button', 'thread-link', 'Reply in thread');
    open.onclick = () => openThread(m.ts);
    body.append(open);
  }
  return el('div', 'msg' + (m.ephemeral ? ' only' : ''), face(u), body);
}

// ---- the panes ----

// draw brings a pane up to date: only messages that changed get new nodes, so that selection and scrolling survive.
function draw(pane, list, inThread, tail) {
  const stick = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 60;
  const old = new Map([...pane.querySelectorAll(':scope > [data-key]')].map((e) => [e.dataset.key, e]));
  const nodes = list.map((m) => {
    const k = key(m) + (inThread ? ' t' : '');
    const sig = JSON.stringify(m);
    let e = old.get(k);
    if (!e || e.sig !== sig) {
      e = message(m, inThread);
      e.dataset.key = k;
      e.sig = sig;
    }
    return e;
  });
  nodes.push(...tail);
  nodes.forEach((n, i) => { if (pane.childNodes[i] !== n) pane.insertBefore(n, pane.childNodes[i] || null); });
  while (pane.childNodes.length > nodes.length) pane.lastChild.remove();
  if (stick) pane.scrollTop = pane.scrollHeight;
}

const statusLines = (thread) => S.statuses.filter((s) => s.channel === S.channel && (!thread || s.thread_ts === thread))
  .map((s) => el('div', 'status', S.state.bot.name + ' ' + s.text));

function render() {
  const c = S.state.channels.find((x) => x.id === S.channel);
  const all = [...S.messages.values()].filter((m) => m.channel === S.channel && !m.deleted).sort((a, b) => (a.ts < b.ts ? -1 : 1));
  const top = all.filter((m) => !m.thread_ts || m.broadcast);
  const tail = S.thread ? [] : statusLines(null);
  if (!top.length) tail.unshift(welcome(c));
  draw($('list'), top, false, tail);
  $('thread').hidden = !S.thread;
  if (S.thread) draw($('replies'), all.filter((m) => m.ts === S.thread || m.thread_ts === S.thread), true, statusLines(S.thread));
}

function welcome(c) {
  const e = el('div', 'empty');
  if (!c.bot) {
    e.append(el('p', '', `@${S.state.bot.name} is not in this channel, so it hears nothing here.`));
    return e;
  }
  const ask = c.kind === 'im' ? '' : '@' + S.state.bot.name + ' ';
  e.append(el('p', '', `Write to ${c.kind === 'im' ? 'the bot' : '@' + S.state.bot.name} below, then `, el('kbd', '', 'Enter'), '. The answer grows in the thread.'));
  for (const t of ['Explain goroutines in three sentences', 'Write a haiku about queues, then a table of three of them']) {
    const b = el('button', '', ask + t);
    b.type = 'button';
    b.onclick = () => { input('box').value = ask + t; input('box').focus(); };
    e.append(b);
  }
  const cmd = S.state.commands[0];
  if (cmd) e.append(el('p', '', 'Also try ', el('kbd', '', cmd), '.'));
  return e;
}

function drawChannels() {
  const member = S.state.channels.filter((c) => c.members.includes(S.me));
  const item = (c, label) => {
    const b = el('button', '', label);
    b.type = 'button';
    if (c.id === S.channel) b.setAttribute('aria-current', 'true');
    b.onclick = () => select(c.id);
    return el('li', S.unread.has(c.id) && c.id !== S.channel ? 'unread' : '', b);
  };
  $('channels').replaceChildren(...member.filter((c) => c.kind !== 'im').map((c) => item(c, (c.kind === 'channel' ? '# ' : '🔒 ') + c.name)));
  $('dms').replaceChildren(...member.filter((c) => c.im === S.me).map((c) => item(c, '✦ ' + S.state.bot.name)));
}

function select(id) {
  S.drafts.set(S.channel, input('box').value);
  S.channel = id;
  S.thread = null;
  S.unread.delete(id);
  const c = S.state.channels.find((x) => x.id === id);
  $('title').textContent = c.kind === 'im' ? S.state.bot.name : (c.kind === 'channel' ? '# ' : '🔒 ') + c.name;
  $('about').textContent = c.kind === 'im' ? 'direct messages with the bot' : [c.shared && 'shared with another organisation', !c.bot && 'the bot is not here'].filter(Boolean).join(' · ');
  input('box').value = S.drafts.get(id) || '';
  input('box').placeholder = c.kind === 'im' ? 'Ask something' : `Ask @${S.state.bot.name} something`;
  $('list').replaceChildren();
  drawChannels();
  render();
  $('list').scrollTop = $('list').scrollHeight;
  input('box').focus();
}

function openThread(ts) {
  S.thread = ts;
  $('replies').replaceChildren();
  render();
  $('replies').scrollTop = $('replies').scrollHeight;
  input('reply').focus();
}

// ---- writing ----

const input = (form) => $(form).querySelector('textarea');

async function send(form) {
  const box = input(form);
  const text = box.value;
  if (!text.trim()) return;
  const [word] = text.trim().split(/\s/, 1);
  box.value = '';
  try {
    if (word.length > 1 && /^\/[\w-]+$/.test(word)) {
      if (form === 'reply') throw new Error('Slash commands do not work in threads');
      await post('command', { channel: S.channel, command: word, text: text.trim().slice(word.length).trim() });
      return;
    }
    const { ts } = await post('say', { channel: S.channel, thread_ts: form === 'reply' ? S.thread : '', text });
    const to = new RegExp('@' + S.state.bot.name + '\\b', 'i');
    if (form === 'box' && (to.test(text) || S.state.channels.find((c) => c.id === S.channel).kind === 'im')) openThread(ts);
  } catch (err) {
    box.value = box.value || text;
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
    e.onmousedown = (ev) => { ev.preventDefault(); pick(n); };
    return e;
  }));
  menu.hidden = !found.length;
  function pick(name) {
    const start = at ? before.length - at[2].length - 1 : 0;
    box.setRangeText(name + ' ', start, before.length, 'end');
    menu.hidden = true;
  }
  menu.pick = () => pick(menu.querySelector('.on').textContent);
}

function wire(form) {
  const box = input(form);
  const menu = $(form).querySelector('.names');
  $(form).onsubmit = (e) => { e.preventDefault(); menu.hidden = true; send(form); };
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

// ---- live ----

function listen() {
  S.source?.close();
  S.messages.clear();
  S.first = true;
  S.source = new EventSource('page/events?user=' + encodeURIComponent(S.me));
  S.source.onmessage = (e) => {
    const d = JSON.parse(e.data);
    for (const m of d.messages) {
      if (!S.first && m.channel !== S.channel && m.user !== S.me && !S.messages.has(key(m))) S.unread.add(m.channel);
      S.messages.set(key(m), m);
    }
    S.first = false;
    S.statuses = d.statuses;
    $('link').className = d.sockets ? 'up' : '';
    $('link').textContent = d.sockets ? 'bot connected' : 'no bot connected';
    $('budget').textContent = `edits: ${d.updates} of ${d.updates_limit} a minute`;
    $('budget').className = d.updates > 0.8 * d.updates_limit ? 'high' : '';
    if (d.messages.length) drawChannels();
    render();
  };
  // The browser reconnects by itself; everything is sent again then.
  S.source.onerror = () => { $('link').className = ''; $('link').textContent = 'page not connected'; };
}

async function start() {
  S.state = await (await fetch('page/state')).json();
  const people = S.state.users.filter((u) => !u.bot);
  document.title = S.state.team.name + ' · llmbot demo';
  $('team').textContent = S.state.team.name;
  $('notice').textContent = $('notice').title = S.state.notice;
  $('me').append(...people.map((u) => {
    const o = el('option', '', u.real_name + (u.guest ? ' (guest)' : u.external ? ' (other organisation)' : ''));
    o.value = u.id;
    return o;
  }));
  const asked = new URLSearchParams(location.search);
  S.me = people.find((u) => u.name === asked.get('as'))?.id || people[0].id;
  $('me').value = S.me;
  $('me').onchange = () => { S.me = $('me').value; home(); listen(); };
  $('close').onclick = () => { S.thread = null; render(); input('box').focus(); };
  document.addEventListener('keydown', (e) => { if (e.key === 'Escape' && S.thread) $('close').onclick(); });
  wire('box');
  wire('reply');
  home(asked.get('channel'));
  if (asked.get('thread')) S.thread = asked.get('thread');
  listen();
}

function home(name) {
  const mine = S.state.channels.filter((c) => c.members.includes(S.me) && (c.kind !== 'im' || c.im === S.me));
  const want = mine.find((c) => c.name && c.name === name) || mine.find((c) => c.id === S.channel) || mine.find((c) => c.name === 'general') || mine[0];
  select(want.id);
}

start().catch((err) => toast('The workspace does not answer: ' + err.message));
