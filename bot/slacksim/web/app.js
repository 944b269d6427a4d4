// The page's beginning: it asks who reads what, wires what can be pressed, and listens.
import { act, toast } from './api.js';
import { input, pick, wire } from './compose.js';
import { $ } from './dom.js';
import { ctx, emit } from './hooks.js';
import { listen } from './live.js';
import { wirePane } from './pane.js';
import { start as startPanel } from './panel.js';
import { S } from './store.js';
import { start as startTour } from './tour.js';
import { describe, go, openTab, render, select, showNav } from './view.js';

async function start() {
  S.state = await (await fetch('page/state')).json();
  const asked = new URLSearchParams(location.search);
  S.me = S.state.users.find((u) => !u.bot && u.name === asked.get('as'))?.id;
  for (const id of ['list', 'replies']) wirePane($(id));
  wire('box');
  wire('reply');
  describe();
  go(asked.get('channel'));
  if (asked.get('tab') === 'home') openTab('home');
  if (asked.get('thread')) S.thread = asked.get('thread');
  $('me').onchange = () => {
    const [where, thread] = [S.channel, S.thread];
    S.me = $('me').value;
    go();
    if (S.channel === where) S.thread = thread; // two people in one thread
    listen();
    render();
    emit('user', S.me);
  };
  $('close').onclick = () => { S.thread = null; render(); input('box').focus(); };
  $('stop').onclick = () => act('stop', { channel: S.channel, thread_ts: S.thread });
  $('menu').onclick = () => showNav(!document.body.classList.contains('nav-open'));
  for (const b of $('tabs').children) b.onclick = () => openTab(b.dataset.tab);
  document.addEventListener('keydown', (e) => {
    if (e.key !== 'Escape') return;
    if (document.body.classList.contains('nav-open')) showNav(false);
    else if (S.thread) $('close').onclick();
  });
  startPanel(ctx);
  startTour(ctx);
  listen();
}

// For the console and for tests.
window.page = { S, select, pick };

start().catch((err) => toast('The workspace does not answer: ' + err.message));
