import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figure, nice } from '../../bot/slacksim/web/charts.js';

test('round numbers at or above', () => {
  for (const [n, want] of [[0, 1], [-3, 1], [1, 1], [1.1, 2], [2.2, 2.5], [26, 50], [51, 100], [0.03, 0.05]]) assert.ok(Math.abs(nice(n) - want) < 1e-9, `${n}: ${nice(n)}`);
});

test('figures', () => {
  for (const [n, want] of [[1234567.8, '1,234,568'], [0.125, '0.13'], [-1, '-1']]) assert.equal(figure(n), want);
});
