import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kept, sources, workspace } from './page.mjs';

const { ctx } = await import('../../bot/slacksim/web/hooks.js');
const { listen } = await import('../../bot/slacksim/web/live.js');
const { S } = await import('../../bot/slacksim/web/store.js');
const { describe, go } = await import('../../bot/slacksim/web/view.js');

test('who is gone after a restart is told who they are now, and reads as that person', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let state = S.state = workspace('alice', 'bob', 'carol');
  globalThis.fetch = async () => ({ json: async () => state });
  const heard = [];
  ctx.on('user', (id) => heard.push(id));
  S.me = 'Ucarol';
  describe();
  go('leads');
  listen();
  S.thread = '1.1';
  kept.set('llmbot draft Ucarol C2', '"of Carol"');
  kept.set('llmbot draft Ualice C1', '"of Alice"');

  // restart loses the connection and goes on when the page has asked how the workspace is.
  const restart = async () => {
    Object.assign(sources.at(-1), { readyState: 2 }).onerror();
    t.mock.timers.tick(2000);
    for (let i = 0; i < 10; i++) await null;
  };
  await restart();
  assert.deepEqual([S.me, S.channel, S.thread, sources.at(-1).url, heard], ['Ucarol', 'C2', '1.1', 'page/events?user=Ucarol', []], 'a restart alone changes nobody');
  assert.equal(document.getElementById('toast').textContent, '');

  const before = sources.at(-1);
  state = workspace('alice', 'bob');
  await restart();
  assert.deepEqual([S.me, S.channel, S.thread, sources.at(-1).url, heard], ['Ualice', 'C1', null, 'page/events?user=Ualice', ['Ualice']]);
  assert.ok(before.closed);
  assert.equal(document.getElementById('me').value, 'Ualice');
  assert.equal(document.getElementById('box').querySelector('textarea').value, 'of Alice');
  assert.equal(document.getElementById('toast').textContent, 'carol is not here any more. You are alice.');
});
