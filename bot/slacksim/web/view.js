// What the page shows of what it knows: the channel, its thread, the list of channels.
import { act } from './api.js';
import { blockSpecs } from './blocks.js';
import { input } from './compose.js';
import { $, el } from './dom.js';
import { messageSpec } from './message.js';
import { follow, toEnd } from './pane.js';
import { S, channel, names } from './store.js';
import { sync } from './sync.js';

function draw(pane, list, inThread, tail) {
  sync(pane, [...list.map((m) => messageSpec(m, inThread)), ...tail]);
  follow(pane);
}

const statusSpecs = (thread) => S.statuses.filter((s) => s.channel === S.channel && (!thread || s.thread_ts === thread))
  .map((s) => ({ key: 'status ' + s.thread_ts, sig: s.text, make: () => el('div', 'status', S.state.bot.name + ' ' + s.text), update: (e) => { e.textContent = S.state.bot.name + ' ' + s.text; } }));

export function render() {
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

export function drawChannels() {
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

export function about() {
  const c = channel(S.channel);
  $('about').textContent = c.kind === 'im' ? 'direct messages with the bot' : [c.shared && 'shared with another organisation', !c.bot && 'the bot is not here'].filter(Boolean).join(' · ');
}

export function select(id) {
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

export function openTab(tab) {
  S.tab = tab;
  if (tab === 'home') act('home', {});
  render();
  toEnd($('list'));
}

export function openThread(ts) {
  S.thread = ts;
  S.editing = null;
  render();
  toEnd($('replies'));
  input('reply').focus();
}

export function showNav(on) {
  document.body.classList.toggle('nav-open', on);
  $('menu').setAttribute('aria-expanded', String(on));
}

// describe shows what the workspace is.
export function describe() {
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
  if (!channel(S.channel)) go();
  else drawChannels();
}

// go shows the channel of a name, or what was shown before, or #general: whatever of it this person may see.
export function go(name) {
  const mine = S.state.channels.filter((c) => c.members.includes(S.me) && (c.kind !== 'im' || c.im === S.me));
  const want = mine.find((c) => name && (c.name === name || (c.kind === 'im' && name === 'bot'))) || mine.find((c) => c.id === S.channel) || mine.find((c) => c.name === 'general') || mine[0];
  select(want.id);
}
