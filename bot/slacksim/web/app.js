// The page's beginning: it asks who reads what, wires what can be pressed, and listens.
import { wireActions } from './actions.js';
import { act, toast } from './api.js';
import { pick } from './attach.js';
import { input, recallDraft, wire } from './compose.js';
import { $ } from './dom.js';
import { ctx } from './hooks.js';
import { wireKeys } from './keys.js';
import { become, listen } from './live.js';
import { keepSpot } from './memory.js';
import { wirePane } from './pane.js';
import { hid, press } from './places.js';
import { start as startPanel } from './panel.js';
import { wireSearch } from './search.js';
import { S, channel, person } from './store.js';
import { work } from './sync.js';
import { start as startTour } from './tour.js';
import { closeThread, describe, drawChannels, go, jump, openTab, render, select, showNav, spots } from './view.js';

async function start() {
  S.state = await (await fetch('page/state')).json();
  const asked = new URLSearchParams(location.search);
  S.me = person(asked.get('as'))?.id;
  for (const id of ['list', 'replies']) {
    wirePane($(id));
    wireActions($(id));
  }
  wire('box');
  wire('reply');
  wireSearch();
  wireKeys();
  describe();
  if (asked.get('as') && !person(asked.get('as'))) toast(`Nobody here is called ${asked.get('as')}. You are ${S.state.users.find((u) => u.id === S.me).name}.`);
  go(asked.get('channel'));
  if (asked.get('tab') === 'home' && channel(S.channel).kind === 'im') openTab('home');
  S.asked = asked.get('message');
  if (asked.get('thread')) {
    S.thread = asked.get('thread');
    render();
    recallDraft('reply');
  }
  $('me').onchange = () => {
    S.me = $('me').value;
    become();
  };
  $('close').onclick = closeThread;
  $('stop').onclick = () => act('stop', { channel: S.channel, thread_ts: S.thread });
  $('menu').onclick = () => {
    showNav(!document.body.classList.contains('nav-open'));
    if (document.body.classList.contains('nav-open')) $('me').focus();
  };
  for (const b of $('tabs').children) b.onclick = () => openTab(b.dataset.tab);
  document.addEventListener('click', followLink);
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      hid();
      return;
    }
    press();
    render();
    drawChannels();
  });
  window.addEventListener('pagehide', () => keepSpot(spots()));
  startPanel(ctx);
  startTour(ctx);
  listen();
}

// followLink opens the address of a message of this workspace here, and not in a tab of its own.
function followLink(e) {
  const a = e.target instanceof Element && e.target.closest('a[href]');
  const to = a && (a.host === location.host || a.host.endsWith('.slack.com')) && /^\/archives\/(\w+)\/p(\d{1,12})(\d{6})$/.exec(a.pathname);
  if (to && !e.ctrlKey && !e.metaKey && jump(to[1], to[2] + '.' + to[3])) e.preventDefault();
}

// For the console and for tests. __work counts what is touched on the page.
window.page = { S, input, jump, pick, select };
window.__work = work;

start().catch((err) => toast('The workspace does not answer: ' + err.message));
