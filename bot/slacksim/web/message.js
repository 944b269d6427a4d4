// One message as nodes.
import { act } from './api.js';
import { editor } from './actions.js';
import { attachment, blockSpecs } from './blocks.js';
import { el } from './dom.js';
import { mrkdwn } from './markdown.js';
import { follow } from './pane.js';
import { S, author, clock, names, place, size, user } from './store.js';
import { sync } from './sync.js';
import { openThread } from './view.js';

const together = 5 * 60; // seconds within which messages of one person stand under one name

// follows reports whether a message stands under the name of the one before it.
export const follows = (m, before) => !!before && !before.ephemeral === !m.ephemeral && !before.tombstone && !m.tombstone && before.user === m.user && before.app === m.app
  && m.ts - before.ts < together && !(before.replies > 0);

function face(u) {
  const f = el('div', 'face', (u?.bot ? '✦' : (u?.name || '?')[0].toUpperCase()));
  f.ariaHidden = 'true';
  const hue = [...(u?.id || '')].reduce((h, c) => (h * 31 + c.charCodeAt(0)) % 360, 7);
  f.style.background = u?.bot ? '#33475b' : `hsl(${hue} 42% 40%)`;
  return f;
}

function head(m, u) {
  const when = el('time', 'when', clock(m.ts));
  when.title = new Date(m.ts * 1000).toLocaleString([], { hourCycle: 'h23' });
  when.dateTime = new Date(m.ts * 1000).toISOString();
  const tag = (text) => el('span', 'tag', text);
  return el('div', 'head', el('span', 'who', author(m)), m.bot ? tag('APP') : null, u?.guest ? tag('GUEST') : null, u?.external ? tag('EXTERNAL') : null, when);
}

function files(list) {
  return el('div', 'files', ...list.map((f) => {
    if (f.gone) return el('p', 'small', 'This file was deleted.');
    const url = `page/file?user=${encodeURIComponent(S.me)}&id=${encodeURIComponent(f.id)}`;
    const a = el('a', 'file', f.name + ' · ' + size(f.size));
    a.href = url;
    a.target = '_blank';
    if (!/^image\/(png|jpeg|gif|webp)$/.test(f.type)) return a;
    const img = el('img');
    img.alt = '';
    img.src = url;
    img.onload = () => { if (img.isConnected) follow(img.closest('.scroll')); };
    a.replaceChildren(img, f.name + ' · ' + size(f.size));
    return a;
  }));
}

function threadLink(m) {
  const open = el('button', 'thread-link', m.replies === 1 ? '1 reply' : m.replies + ' replies', el('span', 'when', 'last at ' + clock(m.last_reply)));
  open.type = 'button';
  open.onclick = () => openThread(m.ts);
  return open;
}

// parts describes what stands in a message, for sync.
function parts(m, inThread) {
  const out = [];
  const use = (a) => act('click', { channel: m.channel, ts: m.ts, ...a });
  const part = (k, sig, make, update = null) => out.push({ key: k, sig: typeof sig === 'object' ? JSON.stringify(sig) : sig, make, update });
  if (m.ephemeral) part('only', 1, () => el('p', 'note', 'Only visible to you'));
  part('head', m.user, () => head(m, user(m.user)));
  if (m.tombstone) part('gone', 1, () => el('p', 'small', 'This message was deleted.'));
  else if (S.editing === place(m, inThread)) part('edit', 1, () => editor(m));
  else if (m.blocks?.length) out.push(...blockSpecs(m.blocks, names, use));
  else if (m.text || !m.attachments) part('text', m.text, () => el('div', '', mrkdwn(m.text, names)), undefined);
  if (m.attachments) part('attachments', m.attachments, () => el('div', '', ...m.attachments.map((a) => attachment(a, names, use))));
  if (m.files) part('files', m.files, () => files(m.files));
  if (m.edited && !m.tombstone) part('edited', 1, () => el('div', 'mark', '(edited)'));
  if (m.stream === 'live') part('live', m.reads_along || '', () => el('p', 'live', m.reads_along ? `still being written; only ${m.reads_along} reads along` : 'writing…'));
  if (m.stream === 'broken') part('broken', 1, () => el('p', 'live broken', 'the stream broke off'));
  if (!inThread && !m.ephemeral && m.replies > 0) part('thread', [m.replies, m.last_reply], () => threadLink(m));
  return out;
}

// messageSpec describes a message for sync. Its node knows its message, as e.message.
export function messageSpec(m, inThread, before) {
  const here = place(m, inThread);
  const under = follows(m, before);
  const fill = (e) => {
    e.message = { m, inThread };
    const cls = 'msg' + (m.ephemeral ? ' only' : '') + (under ? ' under' : '');
    if (e.className !== cls) e.className = cls;
    sync(e.children[1], parts(m, inThread));
  };
  return {
    key: here,
    sig: `${m.v} ${S.editing === here} ${under}`,
    make: () => {
      const e = el('div', '', face(user(m.user)), el('div', 'body'));
      e.setAttribute('role', 'article');
      e.setAttribute('aria-label', `${author(m)}, ${clock(m.ts)}`);
      e.tabIndex = -1;
      fill(e);
      return e;
    },
    update: fill,
  };
}
