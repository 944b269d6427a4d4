// What Slack sees: the calls as they happen, each method's budget, sockets and envelopes, who would have been pinged and what would
// have unfurled.
import { el } from './dom.js';
import { sync } from './sync.js';

export const kept = 300; // calls in memory
export const shown = 60; // rows on the screen: no update touches more

// merge adds the newest calls to those that are known, and keeps the newest of all, oldest first. A call that was answered meanwhile
// takes the place of itself.
export function merge(known, newest) {
  const byN = new Map(known.map((c) => [c.n, c]));
  for (const c of newest) byN.set(c.n, c);
  return [...byN.values()].sort((a, b) => a.n - b.n).slice(-kept);
}

// rows returns what to show of calls, newest first: calls, and {gap} for those that came and went between two answers.
export function rows(calls, refusedOnly) {
  const out = [];
  for (const c of calls.toReversed()) {
    if (out.length >= shown) break;
    if (refusedOnly) {
      if (outcome(c).kind === 'bad') out.push(c);
      continue;
    }
    const above = out.at(-1);
    if (above && above.n - c.n > 1) out.push({ gap: above.n - c.n - 1, n: c.n + 0.5 });
    out.push(c);
  }
  return out.slice(0, shown);
}

// time returns milliseconds as people read them.
export const time = (ms) => (ms < 10000 ? Math.round(ms) + ' ms' : (ms / 1000).toFixed(1) + ' s');

// outcome returns how a call went: its kind (ok, bad, busy), and words.
export function outcome(c) {
  if (c.ms === null) return { kind: 'busy', text: c.for_ms < 1000 ? 'running' : 'running for ' + Math.floor(c.for_ms / 1000) + ' s' };
  if (c.ok) return { kind: 'ok', text: String(c.status) };
  const wait = c.wait ? ' · wait ' + c.wait + ' s' : '';
  if (c.status !== 200) return { kind: 'bad', text: c.status + (c.error && !c.error.startsWith('http ') ? ' ' + c.error : '') + wait };
  return { kind: 'bad', text: c.error + wait };
}

// place returns where a call went.
export const place = (c) => c.where + (c.thread ? ' › ' + c.thread : '');

// gauge returns what is told of a budget: words, more words where calls must wait, and how full it is where there is a limit.
export function gauge(b) {
  const refused = b.refused ? b.refused + ' refused' : '';
  if (!b.limit) return { text: b.used + ', no limit', more: refused };
  if (b.left < 0) return { text: b.used + ', limiter off', more: refused };
  const now = b.left === 0 ? 'none now' : b.left < b.limit - b.used || b.used >= b.limit ? b.left + ' now' : '';
  return { text: b.used + ' of ' + b.limit, more: [now, refused].filter(Boolean).join(' · '), used: Math.min(b.used, b.limit), limit: b.limit, empty: b.left === 0 };
}

// inOrder sorts budgets: those of messages first, of the whole workspace before those of a channel, and by name. A gauge stays where
// it is while it fills.
export const inOrder = (budgets) => {
  const rank = (b) => (b.method.startsWith('chat.') ? 0 : 2) + (b.where ? 1 : 0);
  return budgets.toSorted((a, b) => rank(a) - rank(b) || (a.method + a.where < b.method + b.where ? -1 : 1));
};

// flow returns the figures of envelopes in one line.
export const flow = (e) => [e.sent + ' sent', e.acked + ' acked', e.redelivered + ' redelivered', e.lost ? e.lost + ' acks lost' : '', e.waiting + ' waiting'].filter(Boolean).join(' · ');

// delivery returns what became of an envelope.
export function delivery(e) {
  const again = e.attempt ? 'attempt ' + (e.attempt + 1) + ' · ' : '';
  return again + (e.ack_ms === null ? 'no ack' : 'acked after ' + time(e.ack_ms));
}

const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });

// line returns the spec of a row that is made anew when it changes.
const line = (key, make, ...sig) => ({ key, sig: sig.join('\n'), make });

function callSpec(c) {
  if (c.gap) return line('gap ' + c.n, () => el('li', 'gap', c.gap + ' more'), c.gap);
  const o = outcome(c);
  return line('call ' + c.n, () => {
    const e = el('li', 'call ' + o.kind,
      el('div', 'call-head', el('b', '', c.method), el('span', 'call-outcome', o.text), c.ms === null ? null : el('span', 'call-ms', time(c.ms))),
      el('div', 'call-about', el('span', 'call-what', c.what), el('span', 'call-place', place(c))));
    e.title = [clock(c.at), c.what, place(c)].join('  ');
    return e;
  }, o.text, c.ms);
}

function gaugeSpec(b) {
  const name = b.method + (b.where ? ' ' + b.where : '');
  const g = gauge(b);
  return {
    key: name + (g.limit ? ' limited' : ''),
    sig: JSON.stringify(g),
    make: () => {
      const m = el(g.limit ? 'meter' : 'span');
      if (g.limit) m.ariaLabel = name + ', calls of the last minute';
      const e = el('li', 'gauge', el('span', 'gauge-name', name), m, el('span', 'gauge-text'), el('span', 'gauge-more'));
      e.title = name;
      set(e, g);
      return e;
    },
    update: (e) => set(e, g),
  };
}

function set(e, g) {
  e.classList.toggle('empty-budget', g.empty === true);
  says(e.children[2], g.text);
  says(e.children[3], g.more);
  if (!g.limit) return;
  const m = e.children[1];
  [m.max, m.high, m.value] = [g.limit, 0.8 * g.limit, g.used];
}

const socketSpec = (s) => line('socket ' + s.id, () => el('li', '', 'socket ' + s.id + ' · since ' + clock(s.since) + (s.silent ? ' · silent' : '')), s.silent);
const envelopeSpec = (e) => line(e.id, () => el('li', e.ack_ms === null ? 'waits' : '', el('b', '', e.type), ' · socket ' + e.socket + ' · ' + delivery(e)), e.ack_ms);
const pingSpec = (p) => line(p.who + p.ts + p.method, () => el('li', '', el('b', '', p.who), ' · ' + p.where + ' · ' + p.method + (p.method === 'chat.update' ? ' (Slack pings for no edit)' : '')));
const unfurlSpec = (u) => line(u.url + ' ' + u.ts + u.where, () => el('li', '', u.url + ' · ' + u.where));

const says = (node, text) => { if (node.textContent !== text) node.textContent = text; };

// folded is a list behind a line that tells how much is in it. It is drawn only while it is open.
function folded(label) {
  const [sum, list] = [el('summary', ''), el('ul', 'panel-list')];
  list.setAttribute('aria-label', label);
  list.tabIndex = 0; // it scrolls
  const node = el('details', 'panel-fold', sum, list);
  let specs = () => [];
  const draw = () => { if (node.open) sync(list, specs()); };
  node.ontoggle = draw;
  return {
    node,
    set: (text, alarm, make) => {
      says(sum, text);
      node.classList.toggle('alarm', alarm);
      specs = make;
      draw();
    },
  };
}

export function buildCalls() {
  const gauges = el('ul', 'panel-list gauges');
  gauges.setAttribute('aria-label', 'Calls of the last minute, by method');
  const [sockets, envelopes, pings, unfurls] = [folded('Open sockets'), folded('Envelopes, newest first'), folded('Who would have been pinged, newest first'), folded('What would have unfurled, newest first')];
  const list = el('ol', 'panel-list calls');
  list.tabIndex = 0;
  list.setAttribute('aria-label', 'Calls, newest first');
  const count = el('span', 'panel-note');
  const box = (label) => {
    const input = el('input');
    input.type = 'checkbox';
    input.onchange = () => draw();
    return { input, node: el('label', 'panel-check', input, ' ' + label) };
  };
  const [refused, hold] = [box('Refused only'), box('Hold still')];
  const node = el('section', 'panel-part', el('h2', '', 'Budgets of the last minute'), gauges, sockets.node, envelopes.node, pings.node, unfurls.node);
  const newest = el('section', 'panel-newest', el('div', 'panel-newest-head', el('h2', '', 'Calls ', count), refused.node, hold.node), list);
  let [calls, boot] = [[], ''];

  function draw() {
    if (hold.input.checked && list.children.length) return;
    const specs = rows(calls, refused.input.checked).map(callSpec);
    if (!specs.length) specs.push(line('none', () => el('li', 'panel-note', refused.input.checked ? 'None of the newest calls was refused.' : 'No call yet.'), refused.input.checked));
    sync(list, specs);
  }

  function update(d) {
    if (d.boot !== boot) calls = []; // another workspace under the same address
    boot = d.boot;
    calls = merge(calls, d.calls.newest);
    says(count, d.calls.total.toLocaleString('en'));
    draw();
    const budgets = inOrder(d.budgets).map(gaugeSpec);
    if (!budgets.length) budgets.push(line('none', () => el('li', 'panel-note', 'No call in the last minute.')));
    sync(gauges, budgets);
    sockets.set((d.sockets.length === 1 ? '1 socket' : d.sockets.length + ' sockets') + ' open · ' + d.opened + ' opened so far', false, () => d.sockets.map(socketSpec));
    envelopes.set('Envelopes: ' + flow(d.envelopes), false, () => d.envelopes.newest.toReversed().map(envelopeSpec));
    pings.set(d.pings.total ? 'Would have been pinged: ' + d.pings.total + ' times' : 'Nobody would have been pinged', d.pings.total > 0, () => d.pings.newest.toReversed().map(pingSpec));
    unfurls.set(d.unfurls.total ? 'Would have unfurled: ' + d.unfurls.total : 'Nothing would have unfurled', d.unfurls.total > 0, () => d.unfurls.newest.toReversed().map(unfurlSpec));
  }
  return { node, list: newest, update };
}
