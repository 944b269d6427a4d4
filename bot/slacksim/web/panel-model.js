// The model: both of its speeds side by side, each answer as it grows, and ten questions at once.
import { el } from './dom.js';
import { sync } from './sync.js';

const past = 120; // points of the picture: a minute, at two a second
const [width, height] = [360, 64];

const questions = [
  'Explain in about 150 words how a token bucket works', 'Explain in about 150 words what a KV cache is', 'Write about 150 words on why queues are bounded',
  'Explain in about 150 words what a goroutine is', 'Write about 150 words on how Slack delivers events', 'Explain in about 150 words what backpressure is',
  'Write about 150 words on what makes a good commit message', 'Explain in about 150 words how TCP begins', 'Write about 150 words on what a checkpoint is for',
  'Explain in about 150 words what batching does to a GPU',
];

export function median(list) {
  const s = list.toSorted((a, b) => a - b);
  const m = s.length >> 1;
  if (!s.length) return null;
  return s.length % 2 ? s[m] : (s[m - 1] + s[m]) / 2;
}

// An answer that is cut ended without a finish reason, as when the bot was killed: it is done and not whole, and counts nowhere.

// speeds returns both speeds: of all answers together, and what one reader sees: the median over the answers that grow, or over the
// last ten that ended while none grows.
export function speeds(m) {
  const known = m.answers.filter((a) => a.tokens > 0 && a.tps > 0 && !a.cut);
  const growing = known.filter((a) => !a.done);
  const of = growing.length ? growing : known.toSorted((a, b) => b.id - a.id).slice(0, 10);
  return { total: m.output_tps ?? 0, one: median(of.map((a) => a.tps)), of: of.length, growing: growing.length };
}

// plan returns who asks what where: ten questions of several people, each in a thread of its own. It is empty if nobody is in a
// channel with the bot.
export function plan(state) {
  const people = state.users.filter((u) => !u.bot && !u.guest && !u.external);
  const open = state.channels.filter((c) => c.kind === 'channel' && c.bot && !c.shared);
  const seats = people.map((u) => ({ user: u.id, channels: open.filter((c) => c.members.includes(u.id)) })).filter((s) => s.channels.length);
  if (!seats.length) return [];
  return questions.map((q, i) => {
    const seat = seats[i % seats.length];
    return { user: seat.user, channel: seat.channels[Math.floor(i / seats.length) % seat.channels.length].id, text: '@' + state.bot.name + ' ' + q };
  });
}

// batch returns what became of some questions that were asked at once: first is the first answer's id, most the highest speed of all so
// far. A question may have several answers, of which all but one are cut: each restart of the bot asks the model again.
export function batch(m, first, most, questions) {
  const mine = m.answers.filter((a) => a.id >= first);
  const whole = mine.filter((a) => a.done && !a.cut);
  const of = whole.length ? whole : mine.filter((a) => !a.cut);
  const asked = Math.min(mine.length, questions);
  return { asked, done: Math.min(whole.length, asked), most: Math.max(most, m.output_tps ?? 0), one: median(of.filter((a) => a.tps > 0).map((a) => a.tps)) };
}

// points returns a line of the picture. max is the figure at its top.
export function points(list, max) {
  const top = max > 0 ? max : 1;
  return list.map((v, i) => (width - (list.length - 1 - i) * (width / (past - 1))).toFixed(1) + ',' + (height - 2 - ((v ?? 0) / top) * (height - 4)).toFixed(1)).join(' ');
}

// speed returns tokens a second as people read them.
export const speed = (v) => (v === null || v === undefined ? '–' : v >= 100 ? Math.round(v).toLocaleString('en') : v.toFixed(1));

// answerLine returns what is told of one answer.
export const answerLine = (a) => a.tokens.toLocaleString('en') + (a.tokens === 1 ? ' token' : ' tokens') + (a.ttft > 0 ? ' · first token ' + a.ttft.toFixed(2) + ' s' : ' · no token yet') + (a.cut ? ' · cut off' : '');

const says = (node, text) => { if (node.textContent !== text) node.textContent = text; };

function svg(tag, attributes) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
}

function answerSpec(a, top) {
  const set = (e) => {
    e.classList.toggle('growing', !a.done);
    const [head, text, bar] = e.children;
    says(head.firstChild, speed(a.tps > 0 ? a.tps : null) + ' tok/s');
    says(text, answerLine(a));
    [bar.max, bar.value] = [top, a.tps || 0];
  };
  return {
    key: 'answer ' + a.id,
    sig: [a.tokens, a.tps, a.done, a.cut, top].join(' '),
    make: () => {
      const bar = el('meter');
      bar.ariaHidden = 'true';
      const e = el('li', 'answer', el('span', 'answer-speed', el('b', '')), el('span', 'answer-text'), bar);
      set(e);
      return e;
    },
    update: set,
  };
}

// figure is a big number with its name.
function figure(name, note, cls) {
  const [value, under] = [el('b', 'figure-value', '–'), el('span', 'figure-note', note)];
  return { value, under, node: el('div', 'figure ' + cls, el('span', 'figure-name', name), el('span', '', value, ' tok/s'), under) };
}

export function buildModel(ctx) {
  const [total, one] = [figure('System throughput', 'all answers together', 'total'), figure('Interactive speed', 'what one reader sees', 'one')];
  const figures = el('div', 'figures', total.node, one.node);
  const picture = svg('svg', { viewBox: `0 0 ${width} ${height}`, class: 'speeds', role: 'img', preserveAspectRatio: 'none' });
  const lines = [svg('polyline', { class: 'total' }), svg('polyline', { class: 'one' })];
  picture.append(...lines);
  picture.setAttribute('aria-label', 'Both speeds over the last minute');
  const queue = el('p', 'panel-note');
  const ten = el('button', 'btn primary', 'Ask ten questions at once');
  ten.type = 'button';
  const result = el('p', 'panel-note');
  result.setAttribute('role', 'status');
  const list = el('ul', 'panel-list answers');
  list.setAttribute('aria-label', 'Answers, newest first');
  list.tabIndex = 0; // it scrolls
  const fold = el('details', 'panel-fold', el('summary', '', 'Each answer'), list);
  fold.open = true;
  const shown = [figures, picture, queue, fold];
  const node = el('section', 'panel-part panel-model', el('h2', '', 'The model'), figures, picture, queue, el('p', 'panel-ask', ten), result, fold);
  let [history, newest, asked, boot] = [[], 0, null, ''];
  const show = (on) => { for (const e of shown) e.toggleAttribute('hidden', !on); }; // an SVG has no property of that name
  show(false);

  ten.onclick = async () => {
    const questions = plan(ctx.state());
    if (!questions.length) {
      ctx.toast('Nobody is in a channel with the bot. Invite it first.');
      return;
    }
    ten.disabled = true;
    asked = { first: newest + 1, most: 0, questions: questions.length };
    const done = await Promise.allSettled(questions.map((q) => ctx.post('say', q)));
    if (asked) asked.questions = done.filter((d) => d.status === 'fulfilled').length;
    const failed = done.find((d) => d.status === 'rejected');
    if (failed) ctx.toast(failed.reason.message);
    const people = new Set(questions.map((q) => q.user)).size;
    result.textContent = `${done.filter((d) => d.status === 'fulfilled').length} questions of ${people} people, each in a thread of its own.`;
    ten.disabled = false;
  };

  function update(d, demo) {
    if (d.boot !== boot) [history, newest, asked, boot] = [[], 0, null, d.boot]; // another demo: it counts from 1
    show(!!demo);
    if (!demo) return;
    const m = demo.model;
    const s = speeds(m);
    newest = m.answers.reduce((n, a) => Math.max(n, a.id), newest);
    says(total.value, speed(s.total));
    says(one.value, speed(s.one));
    says(one.under, s.of ? `what one reader sees${s.of > 1 ? ', median of ' + s.of : ''}` : 'what one reader sees');
    history = [...history, s].slice(-past);
    const top = Math.max(...history.map((h) => Math.max(h.total, h.one ?? 0)));
    lines[0].setAttribute('points', points(history.map((h) => h.total), top));
    lines[1].setAttribute('points', points(history.map((h) => (h.growing ? h.one : 0)), top));
    says(queue, `${m.running} running · ${m.waiting ?? 'unknown'} waiting · ${m.name}${m.simulated ? ' (simulated)' : ''}`);
    if (asked) {
      const b = batch(m, asked.first, asked.most, asked.questions);
      asked.most = b.most;
      if (b.asked) says(result, `${b.done} of ${b.asked} answers are there · together up to ${speed(b.most)} tok/s · each ${speed(b.one)} tok/s (median)`);
      if (b.done && b.done === b.asked && m.running === 0) asked = null;
    }
    const answers = m.answers.toSorted((a, b) => b.id - a.id).slice(0, 20);
    const fastest = Math.ceil(Math.max(1, ...answers.map((a) => a.tps || 0)) / 10) * 10;
    sync(list, answers.map((a) => answerSpec(a, fastest)));
  }
  return { node, update };
}
