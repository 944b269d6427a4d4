// One message as nodes.
import { act } from './api.js';
import { attachment, blockSpecs } from './blocks.js';
import { forward, linkTo } from './compose.js';
import { el } from './dom.js';
import { decode, mrkdwn } from './markdown.js';
import { follow } from './pane.js';
import { S, clock, key, names, place, size } from './store.js';
import { sync } from './sync.js';
import { openThread, render } from './view.js';

function face(u) {
  const f = el('div', 'face', (u?.bot ? '✦' : (u?.name || '?')[0].toUpperCase()));
  f.ariaHidden = 'true';
  const hue = [...(u?.id || '')].reduce((h, c) => (h * 31 + c.charCodeAt(0)) % 360, 7);
  f.style.background = u?.bot ? '#1f2d3d' : `hsl(${hue} 42% 45%)`;
  return f;
}

function head(m, u, here) {
  const when = el('span', 'when', clock(m.ts));
  when.title = new Date(m.ts * 1000).toLocaleString([], { hourCycle: 'h23' });
  const tag = (text) => el('span', 'tag', text);
  const e = el('div', 'head', el('span', 'who', m.app || u?.name || m.user), m.bot ? tag('APP') : null, u?.guest ? tag('GUEST') : null, u?.external ? tag('EXTERNAL') : null, when);
  if (m.tombstone || m.ephemeral) return e;
  const button = (label, does) => {
    const b = el('button', 'tool', label);
    b.type = 'button';
    b.onclick = does;
    return b;
  };
  const tools = el('span', 'tools', button('Forward', () => forward(m)), button('Link', () => linkTo(m)));
  if (m.user === S.me && !m.bot) {
    tools.append(button('Edit', () => { S.editing = here; render(); }), button('Delete', () => {
      if (window.confirm('Delete this message?')) act('delete', { channel: m.channel, ts: m.ts });
    }));
  }
  e.append(tools);
  return e;
}

// plainTyped is what somebody would type to get a stored text.
const plainTyped = (text) => decode(text.replace(/<@([^<>|\s]+)>/g, (all, id) => '@' + (names.user(id) || id)).replace(/<#([^<>|\s]+)(?:\|[^<>]*)?>/g, (all, id) => '#' + (names.channel(id) || id))
  .replace(/<(https?:[^<>|\s]+)(?:\|[^<>]*)?>/g, '$1').replace(/<!(here|channel|everyone)>/g, '@$1'));

function editor(m) {
  const box = el('textarea');
  box.value = plainTyped(m.text);
  box.rows = Math.min(8, box.value.split('\n').length + 1);
  box.ariaLabel = 'Edit the message';
  const done = () => { S.editing = null; render(); };
  const save = async () => { if (await act('edit', { channel: m.channel, ts: m.ts, text: box.value })) done(); };
  const ok = el('button', 'btn primary', 'Save');
  const no = el('button', 'btn', 'Cancel');
  ok.type = no.type = 'button';
  ok.onclick = save;
  no.onclick = done;
  box.onkeydown = (e) => {
    if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) { e.preventDefault(); save(); }
    if (e.key === 'Escape') { e.stopPropagation(); done(); }
  };
  setTimeout(() => box.focus());
  return el('div', 'edit', box, ok, no);
}

function files(list) {
  return el('div', 'files', ...list.map((f) => {
    const url = `page/file?user=${encodeURIComponent(S.me)}&id=${encodeURIComponent(f.id)}`;
    const a = el('a', 'file', f.name + ' · ' + size(f.size));
    a.href = url;
    a.target = '_blank';
    if (!/^image\/(png|jpeg|gif|webp)$/.test(f.type)) return a;
    const img = el('img');
    img.alt = f.name;
    img.src = url;
    img.onload = () => document.querySelectorAll('.scroll').forEach(follow);
    a.replaceChildren(img, f.name + ' · ' + size(f.size));
    return a;
  }));
}

// parts describes what stands in a message, for sync.
function parts(m, inThread) {
  const here = place(m, inThread);
  const u = S.state.users.find((x) => x.id === m.user);
  const out = [];
  const part = (k, sig, make) => out.push({ key: k, sig: JSON.stringify(sig), make });
  if (m.ephemeral) part('only', 1, () => el('p', 'note', 'Only visible to you'));
  part('head', [m.user === S.me, m.tombstone], () => head(m, u, here));
  if (m.tombstone) part('gone', 1, () => el('p', 'small', 'This message was deleted.'));
  else if (S.editing === here) part('edit', 1, () => editor(m));
  else if (m.blocks?.length) out.push(...blockSpecs(m.blocks, names, (a) => act('click', { channel: m.channel, ts: m.ts, ...a })));
  else part('text', m.text, () => el('div', '', mrkdwn(m.text, names)));
  if (m.attachments) part('attachments', m.attachments, () => el('div', '', ...m.attachments.map((a) => attachment(a, names))));
  if (m.files) part('files', m.files, () => files(m.files));
  if (m.edited && !m.tombstone) part('edited', 1, () => el('div', 'mark', '(edited)'));
  if (m.stream === 'live') part('live', m.reads_along, () => el('p', 'live', m.reads_along ? `still being written; only ${m.reads_along} reads along` : 'writing…'));
  if (m.stream === 'broken') part('broken', 1, () => el('p', 'live broken', 'the stream broke off'));
  if (!inThread && !m.ephemeral && (m.replies > 0 || !m.tombstone)) {
    part('thread', [m.replies, m.last_reply], () => {
      const n = m.replies > 0 ? (m.replies === 1 ? '1 reply' : m.replies + ' replies') : 'Reply in thread';
      const open = el('button', 'thread-link', n, m.replies > 0 ? el('span', 'when', 'last at ' + clock(m.last_reply)) : null);
      open.type = 'button';
      open.onclick = () => openThread(m.ts);
      return open;
    });
  }
  return out;
}

export function messageSpec(m, inThread) {
  const fill = (e) => sync(e.lastChild, parts(m, inThread));
  return {
    key: place(m, inThread),
    sig: JSON.stringify([m, S.editing === place(m, inThread), S.me]),
    make: () => {
      const e = el('div', 'msg' + (m.ephemeral ? ' only' : ''), face(S.state.users.find((x) => x.id === m.user)), el('div', 'body'));
      fill(e);
      return e;
    },
    update: fill,
  };
}
