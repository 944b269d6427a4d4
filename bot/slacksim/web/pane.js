// A pane with messages: it follows what grows at its end until its reader scrolls up; then a button leads back down.
import { $ } from './dom.js';

export const follow = (pane) => {
  if (pane.away) $(pane.id + '-down').hidden = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 60;
  else pane.scrollTop = pane.scrollHeight;
};

export function wirePane(pane) {
  const down = $(pane.id + '-down');
  pane.addEventListener('scroll', () => {
    pane.away = pane.scrollHeight - pane.scrollTop - pane.clientHeight > 60;
    if (!pane.away) down.hidden = true;
  });
  down.onclick = () => { toEnd(pane); };
  new ResizeObserver(() => follow(pane)).observe(pane);
}

export function toEnd(pane) {
  pane.away = false;
  $(pane.id + '-down').hidden = true;
  pane.scrollTop = pane.scrollHeight;
}
