// Block Kit as DOM nodes.
import { chart } from './charts.js';
import { control } from './controls.js';
import { ask } from './dialog.js';
import { el } from './dom.js';
import { codeBox, emojiNode, link, markdownSpecs, mrkdwn } from './markdown.js';
import { sync } from './sync.js';

// safely draws a block, or its name if it is not as blocks are: one that cannot be drawn must not
// stop the page.
function safely(b, draw) {
  try {
    return draw();
  } catch {
    return el('div', 'small', '[' + (typeof b?.type === 'string' ? b.type : 'block') + ']');
  }
}

// blockSpecs describes blocks for sync. on(action) is called when an element is used; it returns a
// promise.
export function blockSpecs(blocks, names, on) {
  return (blocks || []).map((b, i) => {
    const make = () => safely(b, () => block(b, names, on));
    const grow = (node) => {
      try {
        sync(node, markdownSpecs(b.text, names));
      } catch {
        node.replaceChildren('[markdown]');
      }
    };
    return { key: 'block ' + i + ' ' + b?.type, sig: JSON.stringify(b), make, update: b?.type === 'markdown' ? grow : plain.has(b?.type) ? undefined : null };
  });
}

// plain are the blocks without anything to press.
const plain = new Set(['context', 'header', 'divider', 'rich_text', 'table', 'data_table', 'plan', 'task_card']);

function block(b, names, on) {
  switch (b.type) {
    case 'markdown': {
      const e = el('div', 'md');
      sync(e, markdownSpecs(b.text, names));
      return e;
    }
    case 'section': {
      const text = el('div', 'grow', b.text ? textObject(b.text, names) : null);
      if (b.fields) text.append(el('div', 'fields', ...b.fields.map((f) => el('div', '', textObject(f, names)))));
      return el('div', 'section', text, b.accessory ? element(b.accessory, names, on) : null);
    }
    case 'context': return el('div', 'small', ...b.elements.map((e) => textObject(e, names)));
    case 'header': return el('h3', 'header', b.text.text);
    case 'divider': return el('hr');
    case 'actions': case 'context_actions': return el('div', 'actions', ...b.elements.map((e) => element(e, names, on)));
    case 'rich_text': return el('div', '', ...b.elements.map((e) => richText(e, names)));
    case 'table': case 'data_table': return table(b, names);
    case 'data_visualization': return chart(b);
    case 'plan': return el('div', '', el('p', 'plan', b.title), ...(b.tasks || []).map((t) => safely(t, () => task(t, names))));
    case 'task_card': return task(b, names);
    case 'card': return card(b, names, on);
    case 'carousel': return el('div', 'cards', ...b.elements.map((c) => safely(c, () => card(c, names, on))));
    case 'container': return el('div', 'card', b.title ? el('strong', '', b.title.text) : null, ...inside(b.child_blocks, names, on));
    case 'layout': return el('div', 'card', ...b.rows.map((r) => el('div', 'fields', ...inside(r.items.map((x) => x.block), names, on))));
    case 'input': return el('div', 'field', el('div', 'small', b.label.text), element(b.element, names, on), b.hint ? el('div', 'small', b.hint.text) : null);
    case 'image': return el('div', 'small', '[image: ' + (b.alt_text || b.title?.text || '') + ']'); // nothing is fetched from elsewhere
    default: return el('div', 'small', '[' + b.type + ']');
  }
}

const inside = (list, names, on) => list.map((b) => safely(b, () => block(b, names, on)));

function card(b, names, on) {
  const line = (t, tag) => (t ? el(tag, '', textObject(t, names)) : null);
  return el('div', 'card', line(b.title, 'strong'), line(b.subtitle, 'div'), line(b.body, 'div'), b.actions ? el('div', 'actions', ...b.actions.map((e) => element(e, names, on))) : null);
}

function textObject(t, names) {
  if (t.type === 'plain_text') return el('p', '', t.text);
  if (t.type === 'mrkdwn') return el('div', 'mrk', mrkdwn(t.text, names));
  return el('span', '', '[' + t.type + ']');
}

function element(e, names, on) {
  // sure asks before the element acts, if it has words for that.
  const sure = (label) => {
    const c = e.confirm;
    return !c || ask({ title: c.title?.text || label, body: c.text ? [textObject(c.text, names)] : [], yes: c.confirm?.text || 'Yes', danger: c.style === 'danger' });
  };
  const button = (label, value, cls) => {
    const b = el('button', 'btn ' + (cls || ''), label);
    b.type = 'button';
    b.onclick = async () => {
      if (!await sure(label)) return;
      b.disabled = true;
      const ok = await on({ action_id: e.action_id, value });
      b.disabled = false;
      if (ok && e.type === 'feedback_buttons') for (const o of b.parentNode.children) o.ariaPressed = String(o === b);
    };
    return b;
  };
  switch (e.type) {
    case 'button': return button(e.text.text, e.value, e.style);
    case 'icon_button': return button(e.text?.text || e.icon, e.value, 'quiet');
    case 'feedback_buttons': {
      const one = (o, sign) => {
        const b = button(sign + ' ' + o.text.text, o.value, 'quiet');
        b.ariaLabel = o.accessibility_label || o.text.text;
        return b;
      };
      return el('span', 'feedback', one(e.positive_button, '👍'), one(e.negative_button, '👎'));
    }
    default: return control(e, async (value) => await sure('Sure?') && on({ action_id: e.action_id, value })) || el('span', 'small', '[' + e.type + ']');
  }
}

function richText(e, names) {
  const inner = () => (e.elements || []).map((x) => richText(x, names));
  switch (e.type) {
    case 'rich_text_section': return el('span', 'rich', ...inner());
    case 'rich_text_preformatted': return codeBox(el('code', '', ...inner()));
    case 'rich_text_quote': return el('blockquote', '', ...inner());
    case 'rich_text_list': return el(e.style === 'ordered' ? 'ol' : 'ul', '', ...inner().map((x) => el('li', '', x)));
    case 'user': return el('span', 'at', '@' + (names.user(e.user_id) || e.user_id));
    case 'channel': return el('span', 'at', '#' + (names.channel(e.channel_id) || e.channel_id));
    case 'broadcast': return el('span', 'at loud', '@' + e.range);
    case 'emoji': return emojiNode(e.name, e.skin_tone) || el('span', '', ':' + e.name + ':');
    case 'link': return link(e.url, [e.text || e.url]);
    case 'text': {
      let out = el('span', '', e.text);
      for (const [k, tag] of [['bold', 'strong'], ['italic', 'em'], ['strike', 's'], ['code', 'code']]) if (e.style?.[k]) out = el(tag, '', out);
      return out;
    }
    default: return el('span', '', e.text || '');
  }
}

function table(b, names) {
  const cell = (c) => {
    if (c.type === 'rich_text') return (c.elements || []).map((e) => richText(e, names));
    return [c.text || (c.value === undefined ? '' : String(c.value))];
  };
  const rows = b.rows.map((r, i) => el('tr', '', ...r.map((c) => el(i ? 'td' : 'th', c.type === 'raw_number' ? 'num' : '', ...cell(c)))));
  return el('table', '', b.caption ? el('caption', '', b.caption) : null, el('thead', '', rows[0]), el('tbody', '', ...rows.slice(1)));
}

// attachment shows what an app attached, a forward, or a preview: whatever of it is text or blocks.
export const attachment = (a, names, on) => safely(a, () => attached(a, names, on));

const nothing = () => Promise.resolve(false);

function attached(a, names, on) {
  if (!a || typeof a !== 'object') return el('span');
  const text = (v) => (typeof v === 'string' && v ? [el('div', '', mrkdwn(v, names))] : []);
  const list = (v) => (Array.isArray(v) ? v : []);
  const kind = a.is_share ? 'forwarded' : (a.original_url ? 'preview' : '');
  const inner = a.text ? text(a.text) : list(a.message_blocks).flatMap((m) => inside(list(m?.message?.blocks), names, nothing)); // another message's
  const e = el('blockquote', 'attachment',
    kind ? el('div', 'small', [kind, a.author_name, a.channel_name && 'in #' + a.channel_name].filter(Boolean).join(' · ')) : null,
    ...text(a.pretext), a.title ? el('strong', '', String(a.title)) : null, ...inner, ...inside(list(a.blocks), names, kind ? nothing : on),
    ...list(a.fields).map((f) => el('div', '', `${f?.title || ''}: ${f?.value || ''}`)), ...list(a.attachments).map((x) => attachment(x, names, on)),
    ...list(a.files).map((f) => el('div', 'small', '📎 ' + (f?.name || f?.id))), ...text(a.footer));
  const color = { good: 'var(--ok)', warning: 'var(--warn)', danger: 'var(--bad)' }[a.color] || (/^#?[\da-f]{6}$/i.test(a.color) && '#' + a.color.replace('#', ''));
  if (color) e.style.borderLeftColor = color;
  return e;
}

function task(b, names) {
  const sign = { pending: '○', in_progress: '◐', complete: '●', error: '✕' }[b.status] || '○';
  const text = (v) => (v ? el('div', 'small', ...(typeof v === 'string' ? [mrkdwn(v, names)] : (v.elements || []).map((e) => richText(e, names)))) : null);
  return el('div', 'task ' + (b.status || ''), sign + ' ' + b.title, text(b.details), text(b.output));
}
