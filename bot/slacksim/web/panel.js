// What Slack sees, the knobs and the model, as a panel beside the chat. It asks twice a second, but only while it is open and its
// tab is in front; it holds no connection, of which a browser has six for all tabs.
import { $, el } from './dom.js';
import { buildCalls } from './panel-calls.js';
import { buildKnobs } from './panel-knobs.js';
import { buildModel } from './panel-model.js';

const every = 500; // ms from one answer to the next question
const later = 2000; // after one that failed

// answered returns what an endpoint answered, and fails with its own words.
export async function answered(res) {
  const text = await res.text();
  let out = {};
  try {
    out = text ? JSON.parse(text) : {};
  } catch {
    out = { error: text.trim().slice(0, 200) };
  }
  if (!res.ok) throw new Error(out.error || 'HTTP ' + res.status);
  return out;
}

const look = (path) => fetch('page/' + path).then(answered);
const send = (path, body = {}) => fetch('page/' + path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }).then(answered);

// start begins with what hooks.js offers.
export function start(ctx) {
  const [panel, button] = [$('panel'), $('panel-button')];
  const narrow = matchMedia('(max-width: 720px)');
  const title = el('h1', '', 'What Slack sees');
  title.tabIndex = -1;
  const close = el('button', 'panel-close', '×');
  close.type = 'button';
  close.ariaLabel = 'Close the panel';
  const trouble = el('p', 'panel-trouble');
  trouble.setAttribute('role', 'status');
  const demo = () => ctx.state().demo === true;
  const parts = [buildModel(ctx), buildKnobs(send, ctx.toast, () => poll.now()), buildCalls()];
  const [modelPart, knobsPart, callsPart] = parts;
  // The calls stay on view while one turns knobs and reads the rest.
  panel.append(el('div', 'bar', title, close), trouble, el('div', 'panel-body', modelPart.node, knobsPart.node, callsPart.node), callsPart.list);

  async function poll() {
    poll.timer = 0;
    if (panel.hidden || document.hidden) return;
    const turn = ++poll.turn;
    let wait = every;
    try {
      const [slack, model] = await Promise.all([look('panel'), demo() ? look('demo/state') : null]);
      if (turn !== poll.turn) return; // a newer question is under way
      trouble.textContent = '';
      for (const p of parts) p.update(slack, model);
    } catch (err) {
      if (turn !== poll.turn) return;
      trouble.textContent = 'No news: ' + err.message;
      wait = later;
    }
    if (turn === poll.turn) poll.timer = setTimeout(poll, wait);
  }
  poll.turn = 0;
  poll.now = () => {
    clearTimeout(poll.timer);
    poll();
  };

  // On a phone the panel is over the chat, which nobody reaches behind it.
  const over = () => {
    for (const e of document.querySelectorAll('#app > :not(#panel)')) e.inert = !panel.hidden && narrow.matches;
  };
  const open = (on) => {
    panel.hidden = !on;
    button.setAttribute('aria-expanded', String(on));
    document.body.classList.toggle('panel-open', on);
    sessionStorage.setItem('panel', on ? 'open' : '');
    over();
    if (on) poll.now();
  };
  button.onclick = () => {
    open(panel.hidden);
    if (!panel.hidden) title.focus();
  };
  close.onclick = () => {
    open(false);
    button.focus();
  };
  panel.addEventListener('keydown', (e) => {
    if (e.key !== 'Escape') return;
    e.stopPropagation(); // the thread stays open
    close.onclick();
  });
  narrow.addEventListener('change', over);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) poll.now(); });
  button.hidden = false;
  if (sessionStorage.getItem('panel') === 'open') open(true); // as before the reload
}
