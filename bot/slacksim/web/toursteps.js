// The steps of the guided tour, as plain functions of what was said: no document, no network.

// small is the small print of a message.
const small = (m) => (m.blocks || []).filter((b) => b.type === 'context').flatMap((b) => (b.elements || []).map((e) => (typeof e.text === 'string' ? e.text : '')));

// shorter returns a question as the tour edits it: all that was asked, and how long the answer may be.
export function shorter(text) {
  const [asked, words] = text.split(/\nPlease in (\d+) words\.$/);
  return `${asked}\nPlease in ${words === '40' ? 20 : 40} words.`;
}

// phase is how far an answer is: 'writing', 'stopped' or 'done'; '' for what is none.
export function phase(m) {
  if (!m.bot) return '';
  const print = small(m);
  if (m.stream === 'live' || print.some((t) => t.startsWith('writing…'))) return 'writing';
  if (print.some((t) => t.startsWith('stopped'))) return 'stopped';
  return print.some((t) => t.includes('tok/s · first token')) ? 'done' : '';
}

// stopButton is the button of that name in a message, as page/click takes it.
export function stopButton(m) {
  const b = (m.blocks || []).filter((x) => x.type === 'actions').flatMap((x) => x.elements || []).find((e) => e.text?.text === 'Stop');
  return b && { channel: m.channel, ts: m.ts, action_id: b.action_id, value: b.value };
}

// Said is what was said, as far as the tour needs it.
export class Said {
  constructor() {
    this.messages = new Map();
    this.edits = new Map(); // of questions that were edited before our eyes: how often each answer had been changed then
  }

  // hear takes a message as it is now.
  hear(m) {
    const key = m.channel + ' ' + m.ts;
    const was = this.messages.get(key);
    if (m.deleted || m.ephemeral) {
      this.messages.delete(key);
      return;
    }
    if (was && !m.bot && was.text !== m.text) this.edits.set(key, new Map(this.answers(m).map((a) => [a.ts, a.edits])));
    this.messages.set(key, m);
  }

  clear() {
    this.messages.clear();
    this.edits.clear();
  }

  // mine are the questions that somebody asked after a moment, oldest first; replies are those in threads.
  mine(me, since, replies = false) {
    return [...this.messages.values()].filter((m) => m.user === me && !m.bot && m.ts > since && Boolean(m.thread_ts) === replies).sort((a, b) => (a.ts < b.ts ? -1 : 1));
  }

  // answers are the bot's messages in the thread of a question.
  answers(q) {
    const root = q.thread_ts || q.ts;
    return [...this.messages.values()].filter((m) => m.bot && m.channel === q.channel && m.thread_ts === root);
  }

  // answered says whether a question has a finished answer.
  answered(q) {
    return this.answers(q).some((a) => a.ts > q.ts && ['done', 'stopped'].includes(phase(a)));
  }

  // growing is the answer to a question that is being written; least is how often it must have been changed.
  growing(q, least = 0) {
    return this.answers(q).find((a) => a.ts > q.ts && phase(a) === 'writing' && (a.edits >= least || a.stream === 'live'));
  }

  // editable is the newest of somebody's questions whose edit has its answer written anew: nobody asked behind it in its thread.
  editable(me) {
    const all = [...this.messages.values()];
    const root = (m) => m.channel + ' ' + (m.thread_ts || m.ts);
    return [...this.mine(me, ''), ...this.mine(me, '', true)].sort((a, b) => (a.ts < b.ts ? -1 : 1))
      .filter((q) => this.answered(q) && !all.some((m) => !m.bot && m.ts > q.ts && root(m) === root(q))).at(-1);
  }

  newest() {
    return [...this.messages.values()].reduce((ts, m) => (m.ts > ts ? m.ts : ts), '');
  }
}

// rewritten says whether the answer to an edited question was written anew.
function rewritten(said, q) {
  const before = said.edits.get(q.channel + ' ' + q.ts);
  return said.answers(q).some((a) => phase(a) === 'done' && a.edits > (before?.get(a.ts) ?? 0));
}

// survived says whether an answer was begun before the present bot was started, and is complete.
function survived(said, p, bot) {
  if (!bot || bot.starts <= p.starts || bot.state !== 'running') return false;
  const started = Date.parse(bot.since) / 1000;
  return said.mine(p.me, p.since).some((q) => said.answers(q).some((a) => Number(a.ts) < started && phase(a) === 'done'));
}

// TEN is how many questions are asked at once.
export const TEN = 10;

// steps are the tour. done(said, p, bot) says whether a step was done by p.me after p.since; bot is what /page/demo/state says of the bot.
export const steps = [
  { id: 'ask', title: 'Ask', what: (bot) => `Ask the bot something: write @${bot} and a question in #general. The answer grows in a thread.`,
    done: (said, p) => said.mine(p.me, p.since).some((q) => said.answered(q)) },
  { id: 'follow', title: 'Follow up', what: () => 'Write a further question in the thread. While only you and the bot write there, it needs no mention.',
    done: (said, p) => said.mine(p.me, p.since, true).some((q) => said.answered(q)) },
  { id: 'stop', title: 'Stop', what: () => 'Ask for something long, and press Stop under the answer. The text so far stays.',
    done: (said, p) => [...said.messages.values()].some((m) => m.ts > p.since && phase(m) === 'stopped') },
  { id: 'edit', title: 'Edit', what: () => 'Edit your last question in a thread. Its answer is written anew, in the same message.',
    done: (said, p) => [...said.mine(p.me, ''), ...said.mine(p.me, '', true)].some((q) => (said.edits.has(q.channel + ' ' + q.ts) || q.edited && !p.edited.includes(q.ts)) && rewritten(said, q)) },
  { id: 'ten', title: 'Ten at once', what: () => 'Ask ten questions at once. One answer is as fast as one person reads; ten together show what the model server can do.',
    done: (said, p) => said.mine(p.me, p.since).filter((q) => said.answered(q)).length >= TEN },
  { id: 'kill', title: 'Kill the bot', what: () => 'Ask for something long, and kill the bot in mid-answer (kill -9). It is started again after 2 seconds, and goes on in the same message.',
    done: survived },
];

// begin is the progress at the beginning of a step: what was said before does not count. demo is what /page/demo/state says.
export function begin(step, said, me, demo) {
  said.edits.clear();
  const now = demo?.now ? (Date.parse(demo.now) / 1000).toFixed(6) : '';
  const newest = said.newest();
  const edited = [...said.messages.values()].filter((m) => m.edited && m.user === me).map((m) => m.ts);
  return { step, since: newest > now ? newest : now, starts: demo?.bot.starts ?? 0, edited: edited.slice(-200) };
}

// recount begins the count of bots anew when the demo was started again, which counts from 1, and reports whether it did. That first bot is
// none that somebody's kill brought.
export function recount(p, bot) {
  const starts = Math.max(1, bot.starts);
  if (p.starts <= starts) return false;
  p.starts = starts;
  return true;
}

// single is the speed of an answer by itself, in tokens a second: of those that are whole and no mere sentence, the highest. 0: none is.
export const single = (answers) => answers.filter((a) => a.done && !a.cut && a.tokens >= 20).reduce((most, a) => Math.max(most, a.tps), 0);
