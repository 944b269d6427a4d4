// What the page shows of what it knows: the channel, its thread, the list of channels.
import { act, toast } from './api.js';
import { blockSpecs } from './blocks.js';
import { input, recallDraft } from './compose.js';
import { $, el } from './dom.js';
import { icon } from './icons.js';
import { messageSpec } from './message.js';
import { begin, follow, nodeOf, older, part, spotOf, toEnd } from './pane.js';
import { S, channel, day, inChannel, key, mine, names, title } from './store.js';
import { sync, work } from './sync.js';
import { firstNew, isUnread, see, seenUntil, unread } from './unread.js';

const slice = 10; // older messages that are drawn at a time

// later draws soon, and what comes meanwhile with it: at most once for each picture of the screen.
export function later() {
  if (later.asked) return;
  later.asked = true;
  const now = () => {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    later.asked = false;
    render();
  };
  const frame = requestAnimationFrame(now);
  const timer = setTimeout(now, 250); // a tab that nobody sees has no pictures
}

function draw(pane, list, inThread, head, tail) {
  const { now, more } = part(pane, list);
  const specs = more ? [] : head;
  const fresh = inThread ? undefined : firstNew(now, S.newFrom);
  let before = null;
  for (const m of now) {
    const today = day(m.ts);
    if (!inThread && (!before || day(before.ts) !== today)) {
      specs.push({ key: 'day ' + today, sig: '', make: () => el('h2', 'day', today) });
      before = null;
    }
    if (m === fresh) {
      specs.push({ key: 'new', sig: '', make: () => el('p', 'new', 'New') });
      before = null;
    }
    specs.push(messageSpec(m, inThread, before));
    before = m;
  }
  specs.push(...tail);
  sync(pane, specs);
  follow(pane);
  if (!more || pane.filling) return;
  pane.filling = true;
  const { what } = pane;
  const idle = window.requestIdleCallback || ((fn) => setTimeout(fn, 20));
  idle(() => {
    pane.filling = false;
    if (pane.what === what) older(pane, list, slice); // or else it shows something else by now
    later();
  }, { timeout: 200 });
}

const statusSpecs = (thread) => S.statuses.filter((s) => s.channel === S.channel && (!thread || s.thread_ts === thread))
  .map((s) => ({ key: 'status ' + s.thread_ts, sig: s.text, make: () => el('div', 'status', S.state.bot.name + ' ' + s.text) }));

const show = (node, on) => { if (node.hidden === on) node.hidden = !on; };
const write = (node, text) => { if (node.textContent !== text) node.textContent = text; };

export function render() {
  work.draws++;
  const c = channel(S.channel);
  const home = c.kind === 'im' && S.tab === 'home';
  show($('tabs'), c.kind === 'im');
  for (const b of $('tabs').children) b.setAttribute('aria-pressed', String(b.dataset.tab === S.tab));
  for (const id of ['list', 'box']) show($(id), !home);
  if (home) show($('list-down'), false);
  show($('home'), home);
  if (home) {
    const specs = blockSpecs(S.home, names, (a) => act('click-home', a));
    if (!specs.length) specs.push({ key: 'none', sig: '', make: () => el('div', 'empty', `${S.state.bot.name} has published nothing here yet.`) });
    sync($('home'), specs);
  }
  const all = inChannel(S.channel);
  const top = all.filter((m) => !m.thread_ts || m.broadcast);
  const tail = S.thread ? [] : statusSpecs(null);
  if (!top.length) tail.unshift({ key: 'welcome', sig: c.id + c.bot, make: () => welcome(c), update: null });
  begin($('list'), S.me + c.id);
  if (!home) draw($('list'), top, false, [], tail);
  keep();
  show($('thread'), !!S.thread && !home);
  show($('stop'), S.stoppable.some((t) => t.channel === S.channel && t.thread_ts === S.thread));
  if (!document.hidden && see(S.channel)) drawChannels();
  if (!S.thread) {
    sync($('replies'), []);
    return;
  }
  const root = S.messages.get(key({ channel: S.channel, ts: S.thread }));
  write($('thread-about'), root?.replies > 0 ? (root.replies === 1 ? '1 reply' : root.replies + ' replies') : '');
  begin($('replies'), S.me + c.id + S.thread);
  draw($('replies'), all.filter((m) => m.ts === S.thread || m.thread_ts === S.thread), true, [], statusSpecs(S.thread));
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
  if ('?' + at === keep.last) return;
  keep.last = '?' + at;
  if (keep.last !== location.search) history.replaceState(null, '', keep.last);
  $('second').href = '?' + new URLSearchParams({ as: S.state.users.find((u) => !u.bot && u.id !== S.me && c.members.includes(u.id))?.name || '', channel: at.get('channel'), ...(S.thread && c.kind !== 'im' ? { thread: S.thread } : {}) });
}

// drawChannels shows the channels, and which of them have something new.
export function drawChannels() {
  let all = 0;
  const item = (c) => {
    const here = c.id === S.channel;
    const n = here ? 0 : unread(c.id);
    const some = !here && isUnread(c.id);
    all += n;
    const fill = (li) => {
      li.className = some ? 'unread' : '';
      const b = li.firstChild;
      if (here) b.setAttribute('aria-current', 'true');
      else b.removeAttribute('aria-current');
      b.children[1].textContent = c.kind === 'im' ? S.state.bot.name : c.name;
      b.children[2].hidden = !n;
      b.children[2].textContent = n;
      b.ariaLabel = (c.kind === 'channel' ? '# ' : c.kind === 'im' ? '' : 'private: ') + b.children[1].textContent + (n ? `, ${n} new` : some ? ', something new' : '');
    };
    return {
      key: c.id,
      sig: `${here} ${n} ${some} ${c.name}`,
      make: () => {
        const b = el('button', '', el('span', 'sign', c.kind === 'im' ? '✦' : c.kind === 'channel' ? '#' : icon('lock', 14)), el('span', 'name'), el('span', 'count'));
        b.type = 'button';
        b.onclick = () => { showNav(false); select(c.id); };
        const li = el('li', '', b);
        fill(li);
        return li;
      },
      update: fill,
    };
  };
  sync($('channels'), mine().filter((c) => c.kind !== 'im').map(item));
  sync($('dms'), mine().filter((c) => c.kind === 'im').map(item));
  document.title = `${all ? `(${all}) ` : ''}${S.state.team.name} · llmbot demo`;
}

export function about() {
  const c = channel(S.channel);
  $('about').textContent = c.kind === 'im' ? 'direct messages with the bot' : [c.shared && 'shared with another organisation', !c.bot && 'the bot is not here'].filter(Boolean).join(' · ');
}

export function select(id) {
  S.channel = id;
  S.thread = S.editing = null;
  S.tab = 'messages';
  S.newFrom = unread(id) ? seenUntil(id) : null;
  const c = channel(id);
  $('title').replaceChildren(...(c.kind === 'im' ? [S.state.bot.name] : [c.kind === 'channel' ? '#' : icon('lock', 15), ' ' + c.name]));
  about();
  recallDraft('box');
  input('box').placeholder = c.kind === 'im' ? 'Ask something' : `Ask @${S.state.bot.name} something`;
  input('box').ariaLabel = 'Message ' + title(c);
  $('list').ariaLabel = 'Messages in ' + title(c);
  render();
  drawChannels();
  toEnd($('list'));
  if (matchMedia('(min-width: 721px)').matches) input('box').focus();
}

export function openTab(tab) {
  S.tab = tab;
  if (tab === 'home') act('home', {});
  render();
  toEnd($('list'));
}

// openThread shows a thread, and goes to its box, unless that is not wanted.
export function openThread(ts, enter = true) {
  S.tab = 'messages';
  S.thread = ts;
  S.editing = null;
  render();
  recallDraft('reply');
  toEnd($('replies'));
  if (enter) input('reply').focus();
}

// threadGone closes a thread that was deleted. What was being written in it goes to the channel's box.
export function threadGone() {
  const here = $('thread').contains(document.activeElement);
  const words = input('reply').value;
  S.thread = S.editing = null;
  if (words.trim() && !input('box').value) {
    input('box').value = words;
    input('box').dispatchEvent(new Event('input'));
  }
  render();
  if (here) input('box').focus();
  toast('This thread was deleted.');
}

// still returns a function that reports whether a person is where they were, and has begun to write
// nowhere else: what comes back late takes neither the place nor the keyboard away.
export function still() {
  const where = () => [S.me, S.channel, S.thread, S.tab, S.editing].join();
  const [was, at] = [where(), document.activeElement];
  return () => was === where() && (document.activeElement === at || !document.activeElement?.matches('input, textarea, select'));
}

export function closeThread() {
  const ts = S.thread;
  S.thread = null;
  render();
  const from = nodeOf($('list'), ts);
  if (from && $('thread').contains(document.activeElement)) from.focus({ preventScroll: true });
  else input('box').focus();
}

export function showNav(on) {
  document.body.classList.toggle('nav-open', on);
  $('menu').setAttribute('aria-expanded', String(on));
}

// jump goes to a message wherever it is, and shows which one it is. It reports whether there is
// one.
export function jump(id, ts) {
  const m = S.messages.get(key({ channel: id, ts }));
  if (!m) return false;
  if (S.channel !== id || S.tab !== 'messages') select(id);
  const inThread = !!m.thread_ts && !m.broadcast;
  if (inThread && S.thread !== m.thread_ts) openThread(m.thread_ts);
  const node = reveal($(inThread ? 'replies' : 'list'), ts);
  if (!node) return false;
  node.scrollIntoView({ block: 'center' });
  node.focus({ preventScroll: true });
  node.classList.remove('flash');
  void node.offsetWidth; // so that it begins anew
  node.classList.add('flash');
  return true;
}

// reveal makes sure that a message is drawn, and returns its node.
function reveal(pane, ts) {
  if (pane.first && ts < pane.first) pane.first = ts;
  pane.away = true;
  render();
  return nodeOf(pane, ts);
}

// spots tells where the panes are scrolled to; goTo leads back there.
export const spots = () => [spotOf($('list')), spotOf($('replies'))];

export function goTo(was) {
  ['list', 'replies'].forEach((id, i) => {
    const s = was?.[i];
    const pane = $(id);
    if (!s || s.what !== pane.what) return;
    const node = reveal(pane, s.ts);
    if (node) pane.scrollTop += node.getBoundingClientRect().top - pane.getBoundingClientRect().top - s.offset;
  });
}

// describe shows what the workspace is.
export function describe() {
  const people = S.state.users.filter((u) => !u.bot);
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

// go shows the channel of a name, or what was shown before, or #general: whatever of it this person
// may see.
export function go(name) {
  const all = mine();
  const want = all.find((c) => name && (c.name === name || c.id === name || (c.kind === 'im' && name === 'bot'))) || all.find((c) => c.id === S.channel) || all.find((c) => c.name === 'general') || all[0];
  select(want.id);
}

