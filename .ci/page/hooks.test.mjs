import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ctx, emit } from '../../bot/slacksim/web/hooks.js';

test('whoever asked is told, also after one that fails', (t) => {
  const complained = t.mock.method(console, 'error', () => {});
  const heard = [];
  ctx.on('message', () => { throw new Error('broken'); });
  ctx.on('message', (m) => heard.push(m));
  emit('message', 1);
  emit('user', 'U1');
  assert.deepEqual(heard, [1]);
  assert.equal(complained.mock.callCount(), 1);
});
