// What comes from the workspace, as it happens.
import { announce } from './announce.js';
import { toast } from './api.js';
import { recallDraft } from './compose.js';
import { $ } from './dom.js';
import { withEmoji } from './emoji.js';
import { emit } from './hooks.js';
import { spot } from './memory.js';
import { came } from './pane.js';
import { S, author, forget, inChannel, key, names, put } from './store.js';
import { spoken } from './text.js';
import { changed, recallSeen, seenUntil } from './unread.js';
import { describe, drawChannels, go, goTo, jump, later, render } from './view.js';

export function listen() {
  clearTimeout(listen.timer);
  S.source?.close();
  forget();
  recallSeen();
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
    // A new connection sends everything again: what is known is thrown away with its first event,
    // and with it every gap. The browser reconnects by itself, except after an answer that was no
    // stream.
    S.fresh = true;
    S.part = [];
    if (source.readyState === EventSource.CLOSED) listen.timer = setTimeout(reload, 2000);
  };
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
  const [me, name] = [S.me, names.user(S.me)];
  try {
    S.state = await (await fetch('page/state')).json();
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
  S.part.push(...d.messages);
  if (d.more) return;
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
  if (S.thread && fresh && !S.messages.has(key({ channel: S.channel, ts: S.thread }))) S.thread = null;
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
  if (here && document.hidden && isNew && S.newFrom === null) S.newFrom = seenUntil(m.channel) || before;
  if (!here) return;
  const inThread = S.thread && (m.thread_ts === S.thread || m.ts === S.thread);
  if (isNew && (!m.thread_ts || m.broadcast)) came($('list'));
  if (isNew && inThread) came($('replies'));
  if (inThread || !m.thread_ts) announce(key(m), () => `${author(m)}: ${withEmoji(spoken(m, names))}`);
}
