// The guided tour: six steps, each of which can be done by hand or by its button, and notices by itself that it was done. It also tells
// when the bot cannot start.
import { el } from './dom.js';
import { names } from './store.js';
import { plain } from './text.js';
import { Said, TEN, begin, recount, shorter, single, steps, stopButton } from './toursteps.js';

const KEPT = 'llmbot-tour'; // in the browser: how far the tour is
const PATIENCE = 90_000; // ms that a button waits for the bot
const OFTEN = 1000; // ms between two looks at the demo while that matters
const SELDOM = 5000;

// start begins with what hooks.js offers.
export function start(ctx) {
  if (ctx.state().demo) new Tour(ctx);
}

class Tour {
  constructor(ctx) {
    this.ctx = ctx;
    this.said = new Said();
    this.demo = null; // what /page/demo/state said last
    this.p = null; // progress: step, since, starts, edited, open, done, id
    this.busy = false; // a button does its step
    this.waits = new Set();
    this.most = 0; // tokens a second of all answers together, in step ten
    this.build();
    ctx.on('message', (m) => this.said.hear(m));
    ctx.on('event', () => this.heard());
    ctx.on('user', () => { this.said.clear(); });
    window.addEventListener('storage', (e) => { if (e.key === KEPT && this.p) { this.restore(); this.draw(); } });
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.look(); });
    this.look();
  }

  bot() { return this.ctx.state().bot.name; }

  // look asks how the demo is, again and again.
  async look() {
    clearTimeout(this.timer);
    if (document.hidden) return; // until it is seen again
    try {
      const res = await fetch('page/demo/state');
      if (res.ok) this.demo = await res.json();
    } catch { /* the demo has ended; the page says so elsewhere */ }
    if (this.demo && this.p?.id !== this.demo.id) this.restore();
    if (this.p && recount(this.p, this.demo.bot)) this.keep();
    if (this.p) this.heard();
    this.tellBot();
    const soon = this.p?.open && ['ten', 'kill'].includes(steps[this.p.step]?.id) || this.demo?.bot.state !== 'running';
    clearTimeout(this.timer); // of another look meanwhile
    this.timer = setTimeout(() => this.look(), soon ? OFTEN : SELDOM);
  }

  // restore takes up what this browser knows of this demo.
  restore() {
    let kept = null;
    try { kept = JSON.parse(localStorage.getItem(KEPT)); } catch { /* none, or there is no storage */ }
    const good = kept && kept.id === this.demo.id && Number.isInteger(kept.step) && kept.step >= 0 && kept.step <= steps.length && Array.isArray(kept.edited) && Array.isArray(kept.done);
    this.p = good ? kept : { ...begin(0, this.said, this.ctx.me(), this.demo), open: true, done: [], id: this.demo.id };
    this.draw();
  }

  keep() {
    try { localStorage.setItem(KEPT, JSON.stringify(this.p)); } catch { /* a reload begins anew */ }
  }

  // go begins a step.
  go(step) {
    Object.assign(this.p, begin(step, this.said, this.ctx.me(), this.demo));
    this.most = 0;
    this.keep();
    this.draw();
    if (['ten', 'kill'].includes(steps[step]?.id)) this.look(); // from now on often
  }

  // heard looks whether something was done.
  heard() {
    for (const w of [...this.waits]) w();
    if (!this.p) return;
    const step = steps[this.p.step];
    if (!step) return;
    if (step.id === 'ten') this.most = Math.max(this.most, this.demo?.model.output_tps ?? 0);
    if (this.p.open && step.done(this.said, { ...this.p, me: this.ctx.me() }, this.demo?.bot)) {
      if (!this.p.done.includes(step.id)) this.p.done.push(step.id);
      this.note = `Done: ${step.title}. ${this.result(step)}`;
      this.go(this.p.step + 1);
      return;
    }
    this.drawProgress(step);
  }

  // result is what a step has shown, in figures.
  result(step) {
    if (step.id === 'ten' && this.most > 0) {
      const one = single(this.demo?.model.answers ?? []);
      return `Together they had up to ${Math.round(this.most)} tok/s${one ? `; one alone has ${Math.round(one)}` : ''}.`;
    }
    return step.id === 'kill' ? 'The answer is complete, and stands there once.' : '';
  }

  // until waits for what fn finds among what was said.
  until(fn, what) {
    return new Promise((resolve, reject) => {
      const end = (done, value) => { this.waits.delete(check); clearTimeout(timer); done(value); };
      const check = () => { const found = fn(); if (found) end(resolve, found); };
      const timer = setTimeout(() => end(reject, new Error(`${what}: nothing came. Is the model server well?`)), PATIENCE);
      this.waits.add(check);
      check();
    });
  }

  general() {
    const mine = this.ctx.state().channels.filter((c) => c.members.includes(this.me) && c.bot && c.kind !== 'im');
    return (mine.find((c) => c.name === 'general') || mine[0]).id;
  }

  // take notes who asks, and where they are.
  take() { [this.me, this.there] = [this.ctx.me(), this.ctx.still()]; }

  // post does something as who has pressed the button, whoever it is by now.
  post(path, body) { return this.ctx.post(path, { user: this.me, ...body }); }

  // show opens a channel, and in it a thread, for who has gone on to nothing else, and leaves the keyboard in the tour if it is there.
  show(channel, ts) {
    if (!this.there()) return;
    const at = document.activeElement;
    this.ctx.open(channel, ts);
    if (this.box.contains(at)) at.focus();
    this.there = this.ctx.still();
  }

  // ask writes a question to the bot, and opens its thread.
  async ask(text, show = true) {
    const channel = this.general();
    const { ts } = await this.post('say', { channel, text: `@${this.bot()} ${text}` });
    if (show) this.show(channel, ts);
    return { channel, ts };
  }

  // lastQuestion is the newest question with a finished answer; if there is none, one is asked.
  async lastQuestion() {
    const found = this.said.mine(this.me, '').filter((q) => q.channel === this.general() && this.said.answered(q)).at(-1);
    const q = found || await this.ask('what can you do?');
    await this.until(() => this.said.answered(q), 'An answer');
    return q;
  }

  // does are the steps as their buttons do them.
  does = {
    ask: () => this.ask('what can you do?'),
    follow: async () => {
      const q = await this.lastQuestion();
      this.show(q.channel, q.ts);
      await this.post('say', { channel: q.channel, thread_ts: q.ts, text: 'and in 20 words?' });
    },
    stop: async () => {
      const q = await this.ask('write 900 tokens about lighthouses');
      const a = await this.until(() => this.said.growing(q, 2), 'A long answer');
      const press = stopButton(a);
      if (press) await this.post('click', press);
      else if (this.ctx.stoppable(q.channel, q.ts)) await this.post('stop', { channel: q.channel, thread_ts: q.ts });
      else throw new Error('Streams of this kind have no Stop button: skip this step.');
    },
    edit: async () => {
      const asked = this.said.editable(this.me) || await this.lastQuestion();
      const q = this.said.messages.get(asked.channel + ' ' + asked.ts);
      this.show(q.channel, q.thread_ts || q.ts);
      await this.post('edit', { channel: q.channel, ts: q.ts, text: shorter(plain(q.text, names)) }); // all that was asked stays
    },
    ten: async () => {
      this.show(this.general());
      const about = ['apples', 'bridges', 'clouds', 'drums', 'eels', 'ferns', 'gears', 'hats', 'ice', 'jade'];
      for (let i = 0; i < TEN; i++) await this.ask(`write 100 tokens about ${about[i]}`, false);
    },
    kill: async () => {
      const q = await this.ask('write 400 tokens about the sea');
      await this.until(() => this.said.growing(q, 2), 'A long answer');
      await this.ctx.post('demo/kill', {});
      this.look();
    },
  };

  // doIt does the present step for the visitor.
  async doIt() {
    if (this.busy) return;
    this.busy = true;
    this.take();
    this.note = '';
    this.draw();
    try {
      await this.does[steps[this.p.step].id]();
    } catch (err) {
      this.ctx.toast(err.message);
    } finally {
      this.busy = false;
      this.draw();
    }
  }

  // build makes the nodes, once.
  build() {
    const button = (cls, label, does) => {
      const b = el('button', cls, label);
      b.type = 'button';
      b.onclick = does;
      return b;
    };
    this.at = document.getElementById('tour');
    this.at.role = 'region';
    this.at.ariaLabel = 'Guided tour';
    document.getElementById('app').before(this.at); // where it is seen is where Tab comes by
    this.items = steps.map((s, i) => el('li', '', button('tour-step', s.title, () => { this.note = ''; this.go(i); })));
    this.list = el('ol', 'tour-steps', ...this.items);
    this.list.ariaLabel = 'Steps';
    this.what = el('p', 'tour-what');
    this.status = el('p', 'tour-note');
    this.status.role = 'status';
    this.does_ = button('btn primary', 'Do it for me', () => this.doIt());
    this.skip = button('btn', 'Skip', () => { this.note = ''; this.go(this.p.step + 1); });
    this.again = button('btn', 'Start again', () => { this.p.done = []; this.note = ''; this.go(0); });
    this.shut = button('tour-close', '×', () => this.open(false));
    this.shut.ariaLabel = 'Close the tour';
    this.tries = el('p', 'tour-tries');
    this.box = el('div', 'tour-box', this.list, el('div', 'tour-line', this.what, this.does_, this.skip, this.again), this.status, this.tries, this.shut);
    this.trouble = el('div', 'tour-trouble');
    this.trouble.role = 'alert';
    this.trouble.hidden = true;
    this.at.append(this.box, this.trouble);
    this.reopen = button('', 'Tour', () => this.open(!this.p?.open));
    this.reopen.id = 'tour-button';
    this.reopen.setAttribute('aria-controls', 'tour');
    document.querySelector('header').append(this.reopen);
  }

  open(on) {
    if (!this.p) return;
    this.p.open = on;
    if (on) this.go(this.p.step);
    else this.keep();
    this.draw();
    (on ? this.does_ : this.reopen).focus();
  }

  draw() {
    if (!this.p) return;
    const step = steps[this.p.step];
    this.box.hidden = !this.p.open;
    this.reopen.setAttribute('aria-expanded', String(this.p.open));
    this.items.forEach((li, i) => {
      const done = this.p.done.includes(steps[i].id);
      li.className = done ? 'done' : '';
      const b = li.firstChild;
      b.ariaLabel = `Step ${i + 1}: ${steps[i].title}${done ? ', done' : ''}`;
      if (i === this.p.step) b.setAttribute('aria-current', 'step');
      else b.removeAttribute('aria-current');
    });
    this.what.textContent = step ? step.what(this.bot()) : 'That was the tour. Everything here is the real bot; only Slack is emulated.';
    const focused = document.activeElement === this.does_ || document.activeElement === this.skip;
    this.does_.hidden = this.skip.hidden = !step;
    this.again.hidden = Boolean(step);
    if (!step && focused) this.again.focus();
    this.does_.textContent = this.busy ? 'Doing it…' : 'Do it for me';
    this.does_.setAttribute('aria-disabled', String(this.busy));
    this.drawTries();
    this.drawProgress(step);
    this.appear();
  }

  // drawProgress says how the step is going.
  drawProgress(step) {
    let text = this.note || '';
    const m = this.demo?.model;
    if (step?.id === 'ten' && m?.running > 1) text = `${m.running} answers at once, ${Math.round(m.output_tps)} tok/s together.`;
    if (step?.id === 'kill' && this.demo?.bot.state !== 'running') text = this.demo?.bot.state === 'ended' ? 'The bot is dead; it is started again in a moment.' : 'The bot is starting.';
    if (this.status.textContent !== text) this.status.textContent = text;
    this.status.hidden = !text;
  }

  // drawTries shows the three things to try, before the tour has begun and after it.
  drawTries() {
    const tries = this.demo?.try ?? [];
    this.tries.hidden = !tries.length || this.p.done.length > 0 && this.p.step < steps.length;
    const sig = JSON.stringify([tries, this.p.step === steps.length]);
    if (this.tries.hidden || this.tries.dataset.sig === sig) return;
    this.tries.dataset.sig = sig;
    this.tries.replaceChildren('Three things to try: ', ...tries.map((t) => {
      const b = el('button', 'tour-try', t.about);
      b.type = 'button';
      if (t.say) b.title = t.say;
      b.onclick = async () => {
        if (!t.say) {
          this.go(steps.findIndex((s) => s.id === 'kill'));
          this.doIt();
          return;
        }
        try {
          this.take();
          const channel = this.general();
          const { ts } = await this.post('say', { channel, text: t.say });
          this.show(channel, ts);
        } catch (err) {
          this.ctx.toast(err.message);
        }
      };
      return b;
    }));
  }

  // tellBot tells that the bot cannot start, with its last words.
  tellBot() {
    const bot = this.demo?.bot;
    const lines = bot && bot.state !== 'running' ? bot.log : [];
    const sig = lines.join('\n');
    if (this.trouble.dataset.sig !== sig) {
      this.trouble.dataset.sig = sig;
      this.trouble.replaceChildren(el('p', '', `The bot ended by itself (${bot.last_exit}) and is started again. Its last words:`), el('pre', '', sig));
    }
    this.trouble.hidden = !lines.length;
    this.appear();
  }

  appear() { this.at.hidden = this.box.hidden && this.trouble.hidden; }
}
