// What comes from the workspace, as it happens.
import { toast } from './api.js';
import { $ } from './dom.js';
import { emit } from './hooks.js';
import { S, key } from './store.js';
import { describe, drawChannels, render } from './view.js';

export function listen() {
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
    emit('message', m);
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
  emit('event', d);
}
