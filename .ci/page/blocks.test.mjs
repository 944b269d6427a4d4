import assert from 'node:assert/strict';
import { test } from 'node:test';
import './dom.mjs';

const Fake = document.createElement('p').constructor;
Object.assign(Fake.prototype, {
  replaceChildren(...kids) {
    for (const k of [...this.childNodes]) k.remove();
    this.append(...kids);
  },
});
Object.defineProperty(Fake.prototype, 'style', { get() { return this.kept ??= {}; } });
Object.defineProperty(Fake.prototype, 'children', { get() { return this.childNodes.filter((k) => k.nodeType === 1); } });
document.createElementNS = (ns, tag) => document.createElement(tag);

const { attachment, blockSpecs } = await import('../../bot/slacksim/web/blocks.js');
const { S } = await import('../../bot/slacksim/web/store.js');
S.me = 'U1';
S.state = {
  users: [{ id: 'U1', name: 'alice', real_name: 'Alice A' }, { id: 'U2', name: 'bob', real_name: 'Bob B' }],
  channels: [{ id: 'C1', name: 'general', kind: 'channel', members: ['U1'] }, { id: 'C2', name: 'leads', kind: 'private', members: ['U2'] }],
};
const names = { user: (id) => ({ U1: 'alice' })[id], channel: () => undefined };
const plain = (text) => ({ type: 'plain_text', text });
const section = (more) => ({ type: 'section', text: { type: 'mrkdwn', text: 'ok' }, ...more });

// drawn returns the nodes of blocks; what is used is collected in acts.
const acts = [];
const on = (a) => { acts.push(a); return Promise.resolve(true); };
const drawn = (...blocks) => blockSpecs(blocks, names, on).map((s) => s.make());
const all = (node, tag) => [...(node.nodeName === tag.toUpperCase() ? [node] : []), ...(node.childNodes || []).flatMap((k) => all(k, tag))];
const choose = (...elements) => drawn({ type: 'actions', elements })[0];
const option = (v) => ({ text: plain('Text of ' + v), value: v });

test('a block that is not as blocks are is named, and the others are drawn', () => {
  for (const bad of [
    section({ accessory: { type: 'button', action_id: 'a' } }), section({ accessory: 'x' }), section({ fields: [plain('x'), null] }), { type: 'context', elements: [{ type: 'mrkdwn', text: 'x' }, null] },
    { type: 'context' }, { type: 'header' }, { type: 'actions' }, { type: 'actions', elements: [null] }, { type: 'rich_text', elements: [{ type: 'rich_text_section', elements: 'x' }] },
    { type: 'rich_text' }, { type: 'task_card', title: 't', details: { elements: 'x' } }, { type: 'table' }, { type: 'table', rows: ['x'] }, { type: 'data_visualization' }, { type: 'card', actions: [{}] },
    { type: 'carousel' }, { type: 'container' }, { type: 'layout' }, { type: 'input' }, { type: 'markdown' }, { type: 'actions', elements: [{ type: 'static_select', options: [null] }] },
    { type: 'actions', elements: [{ type: 'checkboxes' }] }, { type: 'actions', elements: [{}] }, null, 'x', 7, {}, { type: {} },
  ]) {
    const nodes = drawn(section(), bad, section());
    assert.deepEqual([nodes.length, nodes[0].textContent, nodes[2].textContent], [3, 'ok', 'ok'], JSON.stringify(bad));
  }
  assert.equal(drawn(section({ accessory: { type: 'button', action_id: 'a' } }))[0].textContent, '[section]');
});

test('a block that grows wrong is named', () => {
  const [spec] = blockSpecs([{ type: 'markdown', text: 7 }], names, on);
  const node = document.createElement('div');
  spec.update(node);
  assert.equal(node.textContent, '[markdown]');
});

test('whatever an attachment is, it is drawn', () => {
  for (const a of [null, 'x', {}, { fields: [null] }, { files: [null] }, { message_blocks: [null] }, { blocks: [null, section()] }, { attachments: [null, { text: 'deep' }] }, { title: {} }, { color: {} }]) assert.ok(attachment(a, names, on), JSON.stringify(a));
  const a = attachment({ color: '#cc0000', pretext: 'before', title: 'Disk', text: 'is full', fields: [{ title: 'host', value: 'a1' }] }, names, on);
  assert.equal(a.textContent, 'beforeDiskis fullhost: a1');
  assert.equal(a.style.borderLeftColor, '#cc0000');
});

test('buttons of an attachment act, those of a forwarded one do not', async () => {
  for (const [more, want] of [[{}, [{ action_id: 'a', value: '1' }]], [{ is_share: true }, []]]) {
    acts.length = 0;
    const a = attachment({ blocks: [{ type: 'actions', elements: [{ type: 'button', action_id: 'a', value: '1', text: plain('Ack') }] }], ...more }, names, on);
    await all(a, 'button')[0].onclick();
    assert.deepEqual(acts, want);
  }
});

test('cards, containers, layouts and inputs show what is in them', () => {
  const button = { type: 'button', action_id: 'a', text: plain('Press') };
  for (const [b, want] of [
    [{ type: 'card', title: plain('T'), body: plain('B'), actions: [button] }, 'TBPress'], [{ type: 'carousel', elements: [{ type: 'card', title: plain('1') }, { type: 'card', title: plain('2') }] }, '12'],
    [{ type: 'container', title: plain('C'), child_blocks: [section(), { type: 'actions', elements: [button] }] }, 'CokPress'], [{ type: 'layout', label: 'l', rows: [{ items: [{ block: section() }] }] }, 'ok'],
    [{ type: 'plan', title: 'P', tasks: [{ task_id: '1', title: 'one', status: 'complete' }, null] }, 'P● one[block]'], [{ type: 'plan', title: 'P' }, 'P'],
    [{ type: 'input', label: plain('Name'), element: { type: 'plain_text_input' } }, 'Name'],
  ]) assert.equal(drawn(b)[0].textContent, want);
});

test('menus offer their options, and send the value', async () => {
  acts.length = 0;
  const node = choose({ type: 'static_select', action_id: 's', placeholder: plain('Pick one'), options: [option('1'), option('2')], initial_option: option('2') },
    { type: 'multi_static_select', action_id: 'm', option_groups: [{ label: plain('g'), options: [option('x'), option('y')] }] }, { type: 'users_select', action_id: 'u' }, { type: 'channels_select', action_id: 'c' });
  const [one, many, who, where] = all(node, 'select');
  assert.deepEqual(one.childNodes.map((o) => [o.value, o.textContent, o.selected]), [['', 'Pick one', false], ['1', 'Text of 1', false], ['2', 'Text of 2', true]]);
  assert.equal(one.ariaLabel, 'Pick one');
  one.value = '1';
  await one.onchange();
  many.selectedOptions = many.childNodes;
  await many.onchange();
  assert.deepEqual(acts, [{ action_id: 's', value: '1' }, { action_id: 'm', value: 'x,y' }]);
  assert.deepEqual(who.childNodes.map((o) => o.textContent), ['Choose…', 'Alice A', 'Bob B']);
  assert.deepEqual(where.childNodes.map((o) => o.textContent), ['Choose…', '#general']);
});

test('an overflow menu is an accessory, and can be used again', async () => {
  acts.length = 0;
  const [menu] = all(drawn(section({ accessory: { type: 'overflow', action_id: 'o', options: [option('edit')] } }))[0], 'select');
  menu.value = 'edit';
  await menu.onchange();
  assert.deepEqual([acts, menu.value], [[{ action_id: 'o', value: 'edit' }], '']);
});

test('boxes and fields send what was chosen', async () => {
  acts.length = 0;
  const node = choose({ type: 'checkboxes', action_id: 'c', options: [option('x'), option('y')], initial_options: [option('x')] }, { type: 'radio_buttons', action_id: 'r', options: [option('1')] },
    { type: 'datepicker', action_id: 'd', initial_date: '2026-11-30' }, { type: 'timepicker', action_id: 't' }, { type: 'datetimepicker', action_id: 'dt', initial_date_time: 1796000000 });
  const [x, y, radio, date, time, both] = all(node, 'input');
  assert.deepEqual([x.checked, y.checked, date.value, date.type, time.type], [true, false, '2026-11-30', 'date', 'time']);
  y.checked = true;
  await y.onchange();
  await radio.onchange();
  date.value = '2026-12-24';
  await date.onchange();
  time.value = '';
  await time.onchange();
  await both.onchange(); // what it began with, to the minute
  assert.deepEqual(acts, [{ action_id: 'c', value: 'x,y' }, { action_id: 'r', value: '1' }, { action_id: 'd', value: '2026-12-24' }, { action_id: 'dt', value: String(1796000000 - 1796000000 % 60) }]);
});
