import assert from 'node:assert/strict';
import { test } from 'node:test';
import './dom.mjs';
import { el } from '../../bot/slacksim/web/dom.js';
import { morph, sync, work } from '../../bot/slacksim/web/sync.js';

const spec = (key, text, more = {}) => ({ key, sig: text, make: () => el('p', '', text), ...more });
const texts = (e) => e.childNodes.map((n) => n.textContent).join(' ');
const touched = () => work.made + work.removed + work.moved + work.changed;

test('nodes keep their place and their identity', () => {
  const e = document.createElement('div');
  sync(e, ['a', 'b', 'c', 'd'].map((k) => spec(k, k)));
  const [a, b, c, d] = e.childNodes;
  let before = touched();
  sync(e, ['a', 'b', 'c', 'd'].map((k) => spec(k, k)));
  assert.equal(touched(), before, 'nothing is touched');
  sync(e, [spec('x', 'x'), spec('a', 'a'), spec('b', 'B'), spec('d', 'd')]);
  assert.equal(texts(e), 'x a B d');
  assert.deepEqual(e.childNodes.slice(1), [a, b, d]);
  assert.equal(c.parentNode, null);
  sync(e, [spec('d', 'd'), spec('a', 'a'), spec('x', 'x')]);
  assert.equal(texts(e), 'd a x');
  assert.equal(e.childNodes[0], d);
  before = touched();
  sync(e, []);
  assert.equal(e.childNodes.length, 0);
  assert.equal(touched(), before + 3);
});

test('what has handlers is made anew, in its place', () => {
  const e = document.createElement('div');
  sync(e, [spec('a', 'a'), spec('b', 'b', { update: null }), spec('c', 'c')]);
  const old = e.childNodes[1];
  sync(e, [spec('a', 'a'), spec('b', 'B', { update: null }), spec('c', 'c')]);
  assert.equal(texts(e), 'a B c');
  assert.notEqual(e.childNodes[1], old);
});

test('orders at random', () => {
  const e = document.createElement('div');
  let seed = 1;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  for (let i = 0; i < 300; i++) {
    const keys = [...'abcdefghij'].filter(() => random(3)).sort(() => random(3) - 1);
    sync(e, keys.map((k) => spec(k, k + random(2))));
    assert.equal(e.childNodes.map((n) => n.textContent[0]).join(''), keys.join(''));
  }
});

test('a text that grows is appended to', () => {
  const e = el('p', 'x', 'one ', el('b', '', 'two'), ' thr');
  const [one, two, three] = e.childNodes;
  const before = { ...work };
  morph(e, el('p', 'x', 'one ', el('b', '', 'two'), ' three', el('i', '', '!')));
  assert.equal(e.html, '<p class="x">one <b>two</b> three<i>!</i></p>');
  assert.deepEqual(e.childNodes.slice(0, 3), [one, two, three]);
  assert.deepEqual([work.changed - before.changed, work.made - before.made, work.removed - before.removed], [1, 1, 0]);
  morph(e, el('p', 'y', 'else'));
  assert.equal(e.html, '<p class="y">else</p>');
});
