// What comes from the workspace, as it happens.
import { announce } from './announce.js';
import { toast } from './api.js';
import { recallDraft } from './compose.js';
import { $ } from './dom.js';
import { withEmoji } from './emoji.js';
import { emit } from './hooks.js';
import { spot } from './memory.js';
import { came } from './pane.js';
import { leave, place } from './places.js';
import { S, author, forget, inChannel, key, names, put } from './store.js';
import { spoken } from './text.js';
import { changed, recallSeen, seenUntil } from './unread.js';
import { describe, drawChannels, go, goTo, jump, later, render, threadGone } from './view.js';

// listen begins anew: all that this person sees is told again.
export function listen() {
  clearTimeout(listen.timer);
  S.source?.close();
  forget();
  recallSeen();
  S.home = null;
  S.fresh = true;
  S.part = [];
  S.rev = 0;
  place(connect, rest, full);
}

// connect opens the stream: from the beginning, or with what was missed while the page had no place.
function connect() {
  const again = S.rev > 0;
  S.missed = again;
  S.source?.close();
  const source = S.source = new EventSource('page/events?user=' + encodeURIComponent(S.me) + (again ? `&since=${S.rev}&boot=${S.boot}` : ''));
  source.onmessage = (e) => { if (source === S.source) hear(JSON.parse(e.data)); };
  source.addEventListener('dropped', (e) => { // for good: coming back would drop another page
    source.close();
    leave();
    status('page not connected');
    toast(e.data);
  });
  source.onerror = () => {
    if (source !== S.source) return;
    status('not connected: start it again', 'The program behind this page does not answer. Start it again: this page comes back by itself.');
    // A new connection sends everything again: what is known is thrown away with its first event,
    // and with it every gap. The browser reconnects by itself, except after an answer that was no
    // stream, and not to an address that says where it was.
    S.fresh = true;
    S.part = [];
    if (again) source.close();
    if (again || source.readyState === EventSource.CLOSED) listen.timer = setTimeout(reload, 2000);
  };
}

function status(text, why = '') {
  $('link').className = '';
  $('link').textContent = text;
  $('link').title = why;
}

// rest ends the stream of a hidden page: another one needs its place.
function rest() {
  clearTimeout(listen.timer);
  S.source?.close();
  S.source = null;
  S.part = [];
  if (S.fresh) S.rev = 0; // not all of it was told
}

function full() {
  const why = 'A browser opens six connections to a site, for all tabs and windows, and four other pages of this workspace are in sight. Hide or close one, and this page goes on by itself.';
  status('page waits for another', why);
  toast(why);
}

// become shows what the person sees that S.me says now.
export function become() {
  const [where, thread] = [S.channel, S.thread];
  go();
  if (S.channel === where) S.thread = thread; // two people in one thread
  listen();
  render();
  if (S.thread) recallDraft('reply');
  emit('user', S.me);
}

// reload begins anew after a gap: the workspace behind the address may be another one, and this
// person may not be in it.
async function reload() {
  let [me, name] = [];
  try {
    const state = await (await fetch('page/state')).json();
    [me, name] = [S.me, names.user(S.me)]; // by now
    S.state = state;
    describe();
  } catch {
    listen.timer = setTimeout(reload, 2000);
    return;
  }
  if (S.me === me) {
    listen();
    return;
  }
  become();
  toast(`${name} is not here any more. You are ${names.user(S.me)}.`);
}

function hear(d) {
  if (S.boot && d.boot !== S.boot && S.rev) S.fresh = true; // taken up again at another workspace: it tells all
  S.part.push(...d.messages);
  if (d.more) return;
  S.rev = d.rev;
  d.messages = S.part;
  S.part = [];
  const fresh = S.fresh;
  if (fresh) {
    forget();
    S.home = null;
    S.fresh = false;
    const other = S.boot && d.boot !== S.boot;
    S.boot = d.boot;
    if (other) { // another workspace under the same address
      reload();
      return;
    }
    for (const id of ['list', 'replies']) $(id).first = null;
  }
  for (const m of d.messages) {
    take(m, fresh);
    emit('message', m);
  }
  S.missed = false;
  if (S.thread && !S.messages.has(key({ channel: S.channel, ts: S.thread }))) {
    if (fresh) S.thread = null;
    else if (d.messages.some((m) => m.deleted && m.channel === S.channel && m.ts === S.thread)) threadGone();
  }
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
  if (fresh) {
    render();
    goTo(spot());
    if (S.asked) jump(S.channel, S.asked); // by a message's address
    S.asked = null;
    drawChannels();
  } else {
    if (d.messages.length) drawChannels();
    later();
  }
  emit('event', d);
}

// take puts a message where it belongs, and notes what is news.
function take(m, fresh) {
  const before = inChannel(m.channel).at(-1)?.ts || '';
  const isNew = put(m);
  if (fresh || m.deleted || m.user === S.me) return;
  const here = m.channel === S.channel;
  if (!here && !isNew) changed(m);
  if (here && (document.hidden || S.missed) && isNew && S.newFrom === null) S.newFrom = seenUntil(m.channel) || before;
  if (!here) return;
  const inThread = S.thread && (m.thread_ts === S.thread || m.ts === S.thread);
  if (isNew && (!m.thread_ts || m.broadcast)) came($('list'));
  if (isNew && inThread) came($('replies'));
  if (inThread || !m.thread_ts) announce(key(m), () => `${author(m)}: ${withEmoji(spoken(m, names))}`);
}
