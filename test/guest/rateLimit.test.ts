import { expect, test } from 'vitest';
import { RateLimit } from '../../src/guest/rateLimit.js';

test('lets a burst through, then as many as the rate says, for each key by itself', () => {
  let now = 0;
  const limit = new RateLimit(10, () => now);
  const passed = (key: string) => Array.from({ length: 30 }, () => limit.allows(key)).filter(Boolean).length;

  expect(passed('a')).toBe(10);
  expect(passed('b')).toBe(10);
  now += 500;
  expect(passed('a')).toBe(5);
  now += 60_000;
  expect(passed('a')).toBe(10);
});

test('forgets the key that was idle for longest when there are too many', () => {
  const limit = new RateLimit(1, () => 0, 2);

  expect(['a', 'b', 'b', 'c', 'b'].map((key) => limit.allows(key))).toEqual([true, true, false, true, false]);
  expect(limit.allows('a')).toBe(true);
});
