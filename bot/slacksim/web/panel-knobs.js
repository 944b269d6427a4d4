// The knobs: what can go wrong, turned by hand, so that one sees what the bot makes of it.
import { el } from './dom.js';

const limiters = [['window', 'window', 'n calls in any 60 seconds'], ['bucket', 'bucket', 'n a minute, with bursts of 10'], ['off', 'off', 'no limits']];
const models = [['ok', 'as it is', ''], ['slow', 'slow', ''], ['dead', 'dead', '']];

// botLine returns how the demo's bot is.
export function botLine(bot) {
  const start = bot.starts > 1 ? ' · started ' + bot.starts + ' times' : '';
  const exit = bot.last_exit ? ' · its last end: ' + bot.last_exit : '';
  return (bot.state === 'running' ? 'running, process ' + bot.pid : bot.state) + start + exit;
}

// refusing returns what the button for edits tells.
export const refusing = (ms) => (ms > 0 ? 'Edits are refused: ' + Math.ceil(ms / 1000) + ' s' : 'Refuse edits for 10 s');

const says = (node, text) => { if (node.textContent !== text) node.textContent = text; };

function press(label, title, does) {
  const b = el('button', 'btn', label);
  b.type = 'button';
  b.title = title;
  b.onclick = does;
  return b;
}

// row is a labelled group of what can be turned.
function row(name, ...what) {
  const e = el('div', 'panel-row', el('span', 'panel-label', name), el('span', 'panel-what', ...what));
  e.setAttribute('role', 'group');
  e.ariaLabel = name;
  return e;
}

// choices is a row of radio buttons. set leaves alone what somebody has just pressed and nobody has answered yet.
function choices(name, legend, list, pick) {
  let busy = 0;
  const inputs = list.map(([value]) => {
    const i = el('input');
    [i.type, i.name, i.value] = ['radio', 'panel-' + name, value];
    i.onchange = async () => {
      busy++;
      await pick(value);
      busy--;
    };
    return i;
  });
  const labels = list.map(([, text, title], i) => {
    const l = el('label', '', inputs[i], ' ' + text);
    l.title = title;
    return l;
  });
  return {
    node: row(legend, ...labels),
    set: (value) => { if (!busy) for (const i of inputs) if (i.checked !== (i.value === value)) i.checked = i.value === value; },
  };
}

// buildKnobs makes the knobs. send posts to the workspace, again asks for news at once.
export function buildKnobs(send, toast, again) {
  const done = el('p', 'panel-note');
  done.setAttribute('role', 'status');
  // turn does something and tells what came of it.
  const turn = (path, body, text) => send(path, body).then(() => { done.textContent = text; }, (err) => { toast(err.message); done.textContent = 'Not done: ' + err.message; }).then(again);
  const knob = (body, text) => turn('panel/knobs', body, text);

  const latency = el('input');
  [latency.type, latency.min, latency.max, latency.step, latency.id] = ['range', '0', '3000', '50', 'panel-latency'];
  const shown = el('output');
  shown.htmlFor = 'panel-latency';
  const label = el('label', 'panel-label', 'Latency');
  label.htmlFor = 'panel-latency';
  let [moving, moves] = [false, 0];
  const show = (ms) => {
    says(shown, ms + ' ms');
    latency.setAttribute('aria-valuetext', ms + ' milliseconds');
  };
  latency.oninput = () => {
    moves++;
    moving = true;
    show(Number(latency.value));
  };
  latency.onchange = async () => {
    const mine = ++moves;
    moving = true;
    const ms = Number(latency.value);
    await knob({ latency_ms: ms }, 'Each call takes ' + ms + ' ms.');
    if (mine === moves) moving = false; // or else it is moved again
  };

  const limiter = choices('limiter', 'Rate limits', limiters, (v) => knob({ limiter: v }, 'The limiter is ' + v + ' now.'));
  const edits = press(refusing(0), 'chat.update and chat.appendStream are answered with 429 and Retry-After', () => knob({ refuse_edits_ms: 10000 }, 'Edits are refused for 10 s: the answer waits, and then goes on.'));
  const lose = el('input');
  lose.type = 'checkbox';
  let losing = 0;
  lose.onchange = async () => {
    losing++;
    await knob({ lose_acks: lose.checked }, lose.checked ? 'Acks are lost: events come again after 3 s.' : 'Acks arrive again.');
    losing--;
  };
  const loseLabel = el('label', 'panel-check', lose, ' Lose acks');
  loseLabel.title = 'No ack arrives: Slack sends its events again';
  const sockets = row('Sockets',
    press('Cut one', 'The oldest ends without a word, as a broken network does', () => knob({ socket: 'cut' }, 'The oldest socket was cut.')),
    press('Silence one', 'The oldest carries nothing any more and stays open', () => knob({ socket: 'silent' }, 'The oldest socket is silent: nothing arrives any more, either way.')),
    press('Refresh', 'Slack warns, and ends all sockets 10 s later', () => knob({ socket: 'refresh' }, 'Slack warned: in 10 s the sockets end.')));
  const events = row('Events',
    press('Redeliver', 'The newest acked event comes once more', () => knob({ redeliver: '' }, 'The newest acked event was sent once more.')), loseLabel);

  const model = choices('model', 'Model', models, (v) => turn('demo/model', { knob: v }, v === 'ok' ? 'The model server is as it is.' : 'The model server is ' + v + ' now.'));
  const bot = el('p', 'panel-note');
  const process = row('Bot',
    press('Kill the bot', 'kill -9, in the middle of an answer; it is started again after 2 s', () => turn('demo/kill', {}, 'The bot was killed (kill -9). It starts again in 2 s and finishes its answers.')),
    press('Restart', 'It ends in an orderly way, and starts again', () => turn('demo/restart', {}, 'The bot is told to end, and starts again.')), bot);

  const node = el('section', 'panel-part panel-knobs', el('h2', '', 'Knobs'),
    el('div', 'panel-row panel-range', label, latency, shown), limiter.node, row('Edits', edits), sockets, events, model.node, process, done);

  function update(d, demo) {
    const k = d.knobs;
    if (!moving) {
      if (latency.value !== String(k.latency_ms)) {
        latency.max = String(Math.max(3000, k.latency_ms));
        latency.value = String(k.latency_ms);
      }
      show(k.latency_ms);
    }
    limiter.set(k.limiter);
    says(edits, refusing(k.refuse_edits_ms));
    edits.classList.toggle('danger', k.refuse_edits_ms > 0);
    if (!losing && lose.checked !== k.lose_acks) lose.checked = k.lose_acks;
    model.node.hidden = process.hidden = !demo;
    if (!demo) return;
    model.set(demo.model.knob);
    says(bot, botLine(demo.bot));
  }
  model.node.hidden = process.hidden = true;
  return { node, update };
}
