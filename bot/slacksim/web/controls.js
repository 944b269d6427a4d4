// What people choose with in a message: menus, pickers, radio buttons, checkboxes, fields.
import { el } from './dom.js';
import { S } from './store.js';

const label = (e, otherwise) => e.placeholder?.text || otherwise;

// pairs returns the options of a menu: [value, what people read]. Those of groups stand in a row.
const pairs = (e) => [...(e.options || []), ...(e.option_groups || []).flatMap((g) => g.options)].map((o) => [o.value, o.text.text]);
const people = () => S.state.users.map((u) => [u.id, u.real_name || u.name]);
const channels = () => S.state.channels.filter((c) => c.kind !== 'im' && c.members.includes(S.me)).map((c) => [c.id, '#' + c.name]);

// menus are the kinds of menu, and what they offer.
const menus = {
  static_select: pairs, overflow: pairs, users_select: people, channels_select: channels,
  conversations_select: () => [...channels(), ...people()],
};

function menu(e, list, many, send) {
  const first = [e.initial_option?.value, e.initial_user, e.initial_channel, e.initial_conversation, ...(e.initial_options || []).map((o) => o.value),
    ...(e.initial_users || []), ...(e.initial_channels || []), ...(e.initial_conversations || [])];
  const one = ([value, text]) => {
    const o = el('option', '', text);
    o.value = value;
    o.selected = first.includes(value);
    return o;
  };
  const s = el('select', 'pick');
  s.multiple = many; // before its options: a menu for one thing chooses the first
  if (many) s.size = Math.min(6, Math.max(2, list.length));
  s.append(...(many ? [] : [one(['', e.type === 'overflow' ? '⋯' : label(e, 'Choose…')])]), ...list.map(one));
  s.ariaLabel = label(e, e.type === 'overflow' ? 'More actions' : 'Choose');
  s.onchange = async () => {
    if (many) return send([...s.selectedOptions].map((o) => o.value).join(','));
    if (!s.value) return undefined;
    const done = send(s.value);
    if (e.type === 'overflow') s.value = '';
    return done;
  };
  return s;
}

let groups = 0;

// choices are radio buttons or checkboxes.
function choices(e, send) {
  const many = e.type === 'checkboxes';
  const name = 'choice-' + ++groups;
  const first = [e.initial_option?.value, ...(e.initial_options || []).map((o) => o.value)];
  const boxes = [];
  const rows = e.options.map((o) => {
    const box = el('input');
    box.type = many ? 'checkbox' : 'radio';
    box.name = name;
    box.value = o.value;
    box.checked = first.includes(o.value);
    box.onchange = () => send(many ? boxes.filter((b) => b.checked).map((b) => b.value).join(',') : o.value);
    boxes.push(box);
    return el('label', '', box, ' ' + o.text.text, o.description ? el('span', 'small', ' ' + o.description.text) : null);
  });
  const group = el('div', 'choices', ...rows);
  group.setAttribute('role', many ? 'group' : 'radiogroup');
  group.setAttribute('aria-label', label(e, 'Choose'));
  return group;
}

// local returns Unix seconds as a field for date and time takes them.
const local = (s) => new Date(s * 1000 - new Date(s * 1000).getTimezoneOffset() * 60e3).toISOString().slice(0, 16);

// fields are the kinds of field: the type of the input, what it begins with, and what it sends.
const fields = {
  datepicker: ['date', (e) => e.initial_date, 'Date'],
  timepicker: ['time', (e) => e.initial_time, 'Time'],
  datetimepicker: ['datetime-local', (e) => e.initial_date_time && local(e.initial_date_time), 'Date and time', (v) => String(Math.floor(new Date(v) / 1000))],
  plain_text_input: ['text', (e) => e.initial_value, 'Text'],
  email_text_input: ['email', (e) => e.initial_value, 'Email'],
  url_text_input: ['url', (e) => e.initial_value, 'URL'],
  number_input: ['number', (e) => e.initial_value, 'Number'],
};

function field(e, [type, first, otherwise, sent = (v) => v], send) {
  const box = e.multiline ? el('textarea', 'pick') : el('input', 'pick');
  if (!e.multiline) box.type = type;
  box.value = first(e) ?? '';
  box.ariaLabel = label(e, otherwise);
  if (e.placeholder) box.placeholder = e.placeholder.text;
  box.onchange = () => (box.value || type === 'text' ? send(sent(box.value)) : undefined);
  return box;
}

// control returns the node of an element that people choose with; null if it is none. send is called
// with what was chosen, several with commas between.
export function control(e, send) {
  const kind = e.type.replace(/^multi_/, '');
  if (menus[kind]) return menu(e, menus[kind](e), kind !== e.type, send);
  if (e.type === 'radio_buttons' || e.type === 'checkboxes') return choices(e, send);
  return fields[e.type] ? field(e, fields[e.type], send) : null;
}
