'use strict';

const $ = (id) => document.getElementById(id);
const S = {
  state: null, me: null, channel: null, thread: null, tab: 'messages', home: null, editing: null,
  messages: new Map(), statuses: [], stoppable: [], unread: new Set(), drafts: new Map(), source: null, fresh: true,
  part: [], // of what is being told, when it takes several events
};
const key = (m) => m.channel + ' ' + m.ts;
const place = (m, inThread) => key(m) + (inThread ? ' t' : ''); // a thread's parent stands in both panes
const names = {
  user: (id) => S.state.users.find((u) => u.id === id)?.name,
  channel: (id) => S.state.channels.find((c) => c.id === id)?.name,
};
const channel = (id) => S.state.channels.find((c) => c.id === id);
const clock = (ts) => new Date(ts * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

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

// act posts and says whether it worked; the reason goes to the person.
const act = (path, body) => post(path, body).then(() => true, (err) => { toast(err.message); return false; });

function toast(text) {
  $('toast').textContent = text;
  $('toast').hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { $('toast').hidden = true; }, 6000);
}

// ---- one message ----

function face(u) {
  const f = el('div', 'face', (u?.bot ? '✦' : (u?.name || '?')[0].toUpperCase()));
  f.ariaHidden = 'true';
  const hue = [...(u?.id || '')].reduce((h, c) => (h * 31 + c.charCodeAt(0)) % 360, 7);
  f.style.background = u?.bot ? '#1f2d3d' : `hsl(${hue} 42% 45%)`;
  return f;
}

function head(m, u, here) {
  const when = el('span', 'when', clock(m.ts));
  when.title = new Date(m.ts * 1000).toLocaleString([], { hourCycle: 'h23' });
  const tag = (text) => el('span', 'tag', text);
  const e = el('div', 'head', el('span', 'who', m.app || u?.name || m.user), m.bot ? tag('APP') : null, u?.guest ? tag('GUEST') : null, u?.external ? tag('EXTERNAL') : null, when);
  if (m.tombstone || m.ephemeral) return e;
  const button = (label, does) => {
    const b = el('button', 'tool', label);
    b.type = 'button';
    b.onclick = does;
    return b;
  };
  const tools = el('span', 'tools', button('Forward', () => forward(m)), button('Link', () => linkTo(m)));
  if (m.user === S.me && !m.bot) {
    tools.append(button('Edit', () => { S.editing = here; render(); }), button('Delete', () => {
      if (window.confirm('Delete this message?')) act('delete', { channel: m.channel, ts: m.ts });
    }));
  }
  e.append(tools);
  return e;
}

// plainTyped is what somebody would type to get a stored text.
const plainTyped = (text) => decode(text.replace(/<@([^<>|\s]+)>/g, (all, id) => '@' + (names.user(id) || id)).replace(/<#([^<>|\s]+)(?:\|[^<>]*)?>/g, (all, id) => '#' + (names.channel(id) || id))
  .replace(/<(https?:[^<>|\s]+)(?:\|[^<>]*)?>/g, '$1').replace(/<!(here|channel|everyone)>/g, '@$1'));

function editor(m) {
  const box = el('textarea');
  box.value = plainTyped(m.text);
  box.rows = Math.min(8, box.value.split('\n').length + 1);
  box.ariaLabel = 'Edit the message';
  const done = () => { S.editing = null; render(); };
  const save = async () => { if (await act('edit', { channel: m.channel, ts: m.ts, text: box.value })) done(); };
  const ok = el('button', 'btn primary', 'Save');
  const no = el('button', 'btn', 'Cancel');
  ok.type = no.type = 'button';
  ok.onclick = save;
  no.onclick = done;
  box.onkeydown = (e) => {
    if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) { e.preventDefault(); save(); }
    if (e.key === 'Escape') { e.stopPropagation(); done(); }
  };
  setTimeout(() => box.focus());
  return el('div', 'edit', box, ok, no);
}

function files(list) {
  return el('div', 'files', ...list.map((f) => {
    const url = `page/file?user=${encodeURIComponent(S.me)}&id=${encodeURIComponent(f.id)}`;
    const a = el('a', 'file', f.name + ' · ' + size(f.size));
    a.href = url;
    a.target = '_blank';
    if (!/^image\/(png|jpeg|gif|webp)$/.test(f.type)) return a;
    const img = el('img');
    img.alt = f.name;
    img.src = url;
    img.onload = () => document.querySelectorAll('.scroll').forEach(follow);
    a.replaceChildren(img, f.name + ' · ' + size(f.size));
    return a;
  }));
}

const size = (n) => (n < 1000 ? n + ' B' : n < 1e6 ? (n / 1000).toFixed(1) + ' kB' : (n / 1e6).toFixed(1) + ' MB');

// parts describes what stands in a message, for sync.
function parts(m, inThread) {
  const here = place(m, inThread);
  const u = S.state.users.find((x) => x.id === m.user);
  const out = [];
  const part = (k, sig, make) => out.push({ key: k, sig: JSON.stringify(sig), make });
  if (m.ephemeral) part('only', 1, () => el('p', 'note', 'Only visible to you'));
  part('head', [m.user === S.me, m.tombstone], () => head(m, u, here));
  if (m.tombstone) part('gone', 1, () => el('p', 'small', 'This message was deleted.'));
  else if (S.editing === here) part('edit', 1, () => editor(m));
  else if (m.blocks?.length) out.push(...blockSpecs(m.blocks, names, (a) => act('click', { channel: m.channel, ts: m.ts, ...a })));
  else part('text', m.text, () => el('div', '', mrkdwn(m.text, names)));
  if (m.attachments) part('attachments', m.attachments, () => el('div', '', ...m.attachments.map((a) => attachment(a, names))));
  if (m.files) part('files', m.files, () => files(m.files));
  if (m.edited && !m.tombstone) part('edited', 1, () => el('div', 'mark', '(edited)'));
  if (m.stream === 'live') part('live', m.reads_along, () => el('p', 'live', m.reads_along ? `still being written; only ${m.reads_along} reads along` : 'writing…'));
  if (m.stream === 'broken') part('broken', 1, () => el('p', 'live broken', 'the stream broke off'));
  if (!inThread && !m.ephemeral && (m.replies > 0 || !m.tombstone)) {
    part('thread', [m.replies, m.last_reply], () => {
      const n = m.replies > 0 ? (m.replies === 1 ? '1 reply' : m.replies + ' replies') : 'Reply in thread';
      const open = el('button', 'thread-link', n, m.replies > 0 ? el('span', 'when', 'last at ' + clock(m.last_reply)) : null);
      open.type = 'button';
      open.onclick = () => openThread(m.ts);
      return open;
    });
  }
  return out;
}

function messageSpec(m, inThread) {
  const fill = (e) => sync(e.lastChild, parts(m, inThread));
  return {
    key: place(m, inThread),
    sig: JSON.stringify([m, S.editing === place(m, inThread), S.me]),
    make: () => {
      const e = el('div', 'msg' + (m.ephemeral ? ' only' : ''), face(S.state.users.find((x) => x.id === m.user)), el('div', 'body'));
      fill(e);
      return e;
    },
    update: fill,
  };
}

// ---- the panes ----

// A pane follows what grows at its end until its reader scrolls up; then a button leads back down.
const follow = (pane) => {
  if (pane.away) $(pane.id + '-down').hidden = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 60;
  else pane.scrollTop = pane.scrollHeight;
};

function wirePane(pane) {
  const down = $(pane.id + '-down');
  pane.addEventListener('scroll', () => {
    pane.away = pane.scrollHeight - pane.scrollTop - pane.clientHeight > 60;
    if (!pane.away) down.hidden = true;
  });
  down.onclick = () => { toEnd(pane); };
  new ResizeObserver(() => follow(pane)).observe(pane);
}

function toEnd(pane) {
  pane.away = false;
  $(pane.id + '-down').hidden = true;
  pane.scrollTop = pane.scrollHeight;
}

function draw(pane, list, inThread, tail) {
  sync(pane, [...list.map((m) => messageSpec(m, inThread)), ...tail]);
  follow(pane);
}

const statusSpecs = (thread) => S.statuses.filter((s) => s.channel === S.channel && (!thread || s.thread_ts === thread))
  .map((s) => ({ key: 'status ' + s.thread_ts, sig: s.text, make: () => el('div', 'status', S.state.bot.name + ' ' + s.text), update: (e) => { e.textContent = S.state.bot.name + ' ' + s.text; } }));

function render() {
  const c = channel(S.channel);
  const home = c.kind === 'im' && S.tab === 'home';
  $('tabs').hidden = c.kind !== 'im';
  for (const b of $('tabs').children) b.setAttribute('aria-selected', String(b.dataset.tab === S.tab));
  for (const id of ['list', 'box']) $(id).hidden = home;
  $('home').hidden = !home;
  if (home) {
    const specs = blockSpecs(S.home, names, (a) => act('click-home', a));
    if (!specs.length) specs.push({ key: 'none', sig: '', make: () => el('div', 'empty', `${S.state.bot.name} has published nothing here yet.`) });
    sync($('home'), specs);
  }
  const all = [...S.messages.values()].filter((m) => m.channel === S.channel && !m.deleted).sort((a, b) => (a.ts < b.ts ? -1 : 1));
  const top = all.filter((m) => !m.thread_ts || m.broadcast);
  const tail = S.thread ? [] : statusSpecs(null);
  if (!top.length) tail.unshift({ key: 'welcome', sig: c.id + c.bot, make: () => welcome(c) });
  draw($('list'), top, false, tail);
  keep();
  $('thread').hidden = !S.thread || home;
  $('stop').hidden = !S.stoppable.some((t) => t.channel === S.channel && t.thread_ts === S.thread);
  if (!S.thread) {
    sync($('replies'), []);
    return;
  }
  const root = S.messages.get(S.channel + ' ' + S.thread);
  $('thread-about').textContent = root?.replies > 0 ? (root.replies === 1 ? '1 reply' : root.replies + ' replies') : '';
  draw($('replies'), all.filter((m) => m.ts === S.thread || m.thread_ts === S.thread), true, statusSpecs(S.thread));
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

// keep keeps in the address who reads what, so that a reload and a link lead back.
function keep() {
  const at = new URLSearchParams();
  at.set('as', names.user(S.me));
  const c = channel(S.channel);
  at.set('channel', c.kind === 'im' ? 'bot' : c.name);
  if (S.thread) at.set('thread', S.thread);
  if (S.tab === 'home') at.set('tab', 'home');
  if ('?' + at !== location.search) history.replaceState(null, '', '?' + at);
  $('second').href = '?' + new URLSearchParams({ as: S.state.users.find((u) => !u.bot && u.id !== S.me && c.members.includes(u.id))?.name || '', channel: at.get('channel'), ...(S.thread && c.kind !== 'im' ? { thread: S.thread } : {}) });
}

function drawChannels() {
  const member = S.state.channels.filter((c) => c.members.includes(S.me));
  const item = (c, label) => {
    const b = el('button', '', label);
    b.type = 'button';
    if (c.id === S.channel) b.setAttribute('aria-current', 'true');
    b.onclick = () => { showNav(false); select(c.id); };
    return el('li', S.unread.has(c.id) && c.id !== S.channel ? 'unread' : '', b);
  };
  $('channels').replaceChildren(...member.filter((c) => c.kind !== 'im').map((c) => item(c, (c.kind === 'channel' ? '# ' : '🔒 ') + c.name)));
  $('dms').replaceChildren(...member.filter((c) => c.im === S.me).map((c) => item(c, '✦ ' + S.state.bot.name)));
}

function about() {
  const c = channel(S.channel);
  $('about').textContent = c.kind === 'im' ? 'direct messages with the bot' : [c.shared && 'shared with another organisation', !c.bot && 'the bot is not here'].filter(Boolean).join(' · ');
}

function select(id) {
  S.drafts.set(S.channel, input('box').value);
  S.channel = id;
  S.thread = S.editing = null;
  S.tab = 'messages';
  S.unread.delete(id);
  const c = channel(id);
  $('title').textContent = c.kind === 'im' ? S.state.bot.name : (c.kind === 'channel' ? '# ' : '🔒 ') + c.name;
  about();
  input('box').value = S.drafts.get(id) || '';
  input('box').placeholder = c.kind === 'im' ? 'Ask something' : `Ask @${S.state.bot.name} something`;
  drawChannels();
  render();
  toEnd($('list'));
  if (matchMedia('(min-width: 721px)').matches) input('box').focus();
}

function openTab(tab) {
  S.tab = tab;
  if (tab === 'home') act('home', {});
  render();
  toEnd($('list'));
}

function openThread(ts) {
  S.thread = ts;
  S.editing = null;
  render();
  toEnd($('replies'));
  input('reply').focus();
}

function showNav(on) {
  document.body.classList.toggle('nav-open', on);
  $('menu').setAttribute('aria-expanded', String(on));
}

// ---- live ----

function listen() {
  clearTimeout(listen.timer);
  S.source?.close();
  S.messages.clear();
  S.home = null;
  S.fresh = true;
  S.part = [];
  const source = S.source = new EventSource('page/events?user=' + encodeURIComponent(S.me));
  source.onmessage = (e) => hear(JSON.parse(e.data));
  source.addEventListener('dropped', (e) => { // for good: coming back would drop another page
    source.close();
    $('link').className = '';
    $('link').textContent = 'page not connected';
    toast(e.data);
  });
  source.onerror = () => {
    if (source !== S.source) return;
    $('link').className = '';
    $('link').textContent = 'not connected: start it again';
    $('link').title = 'The program behind this page does not answer. Start it again: this page comes back by itself.';
    // A new connection sends everything again: what is known is thrown away with its first event, and with it every gap. The
    // browser reconnects by itself, except after an answer that was no stream.
    S.fresh = true;
    S.part = [];
    if (source.readyState === EventSource.CLOSED) listen.timer = setTimeout(reload, 2000);
  };
}

// reload begins anew after a gap: the workspace behind the address may be another one.
async function reload() {
  try {
    S.state = await (await fetch('page/state')).json();
    describe();
  } catch {
    listen.timer = setTimeout(reload, 2000);
    return;
  }
  listen();
}

function hear(d) {
  S.part.push(...d.messages);
  if (d.more) return;
  d.messages = S.part;
  S.part = [];
  const fresh = S.fresh;
  if (fresh) {
    S.messages.clear();
    S.home = null;
    S.fresh = false;
    if (S.boot && d.boot !== S.boot) { // another workspace under the same address
      S.boot = d.boot;
      reload();
      return;
    }
    S.boot = d.boot;
  }
  for (const m of d.messages) {
    if (!fresh && m.channel !== S.channel && m.user !== S.me) S.unread.add(m.channel); // also an answer that grew or ended meanwhile
    S.messages.set(key(m), m);
  }
  if (S.thread && fresh && !S.messages.has(S.channel + ' ' + S.thread)) S.thread = null;
  if (d.home) S.home = d.home;
  S.statuses = d.statuses;
  S.stoppable = d.stoppable;
  $('link').className = d.sockets ? 'up' : '';
  $('link').textContent = d.sockets ? 'bot connected' : 'no bot connected';
  $('link').title = 'Sockets that the bot holds open';
  $('edits').textContent = `${d.updates} of ${d.updates_limit} edits`;
  $('meter').max = d.updates_limit;
  $('meter').high = 0.8 * d.updates_limit;
  $('meter').value = d.updates;
  $('budget').className = d.updates > 0.8 * d.updates_limit ? 'high' : '';
  if (d.messages.length) drawChannels();
  render();
}

// describe shows what the workspace is.
function describe() {
  const people = S.state.users.filter((u) => !u.bot);
  document.title = S.state.team.name + ' · llmbot demo';
  $('team').textContent = S.state.team.name;
  $('notice').textContent = $('notice').title = S.state.notice;
  $('me').replaceChildren(...people.map((u) => {
    const o = el('option', '', u.real_name + (u.guest ? ' (guest)' : u.external ? ' (other organisation)' : ''));
    o.value = u.id;
    return o;
  }));
  if (!people.some((u) => u.id === S.me)) S.me = people[0].id;
  $('me').value = S.me;
  if (!channel(S.channel)) start.go();
  else drawChannels();
}

async function start() {
  S.state = await (await fetch('page/state')).json();
  const asked = new URLSearchParams(location.search);
  S.me = S.state.users.find((u) => !u.bot && u.name === asked.get('as'))?.id;
  start.go = (name) => {
    const mine = S.state.channels.filter((c) => c.members.includes(S.me) && (c.kind !== 'im' || c.im === S.me));
    const want = mine.find((c) => name && (c.name === name || (c.kind === 'im' && name === 'bot'))) || mine.find((c) => c.id === S.channel) || mine.find((c) => c.name === 'general') || mine[0];
    select(want.id);
  };
  for (const id of ['list', 'replies']) wirePane($(id));
  wire('box');
  wire('reply');
  describe();
  start.go(asked.get('channel'));
  if (asked.get('tab') === 'home') openTab('home');
  if (asked.get('thread')) S.thread = asked.get('thread');
  $('me').onchange = () => {
    const [where, thread] = [S.channel, S.thread];
    S.me = $('me').value;
    start.go();
    if (S.channel === where) S.thread = thread; // two people in one thread
    listen();
    render();
  };
  $('close').onclick = () => { S.thread = null; render(); input('box').focus(); };
  $('stop').onclick = () => act('stop', { channel: S.channel, thread_ts: S.thread });
  $('menu').onclick = () => showNav(!document.body.classList.contains('nav-open'));
  for (const b of $('tabs').children) b.onclick = () => openTab(b.dataset.tab);
  document.addEventListener('keydown', (e) => {
    if (e.key !== 'Escape') return;
    if (document.body.classList.contains('nav-open')) showNav(false);
    else if (S.thread) $('close').onclick();
  });
  listen();
}

start().catch((err) => toast('The workspace does not answer: ' + err.message));
