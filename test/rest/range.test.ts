import { expect, test } from 'vitest';
import { type Part, partOf } from '../../src/rest/file/range.js';

test.each<[string, Part | undefined | 'unsatisfiable']>([
  ['bytes=0-0', { start: 0, end: 1 }],
  ['bytes=5-', { start: 5, end: 10 }],
  ['bytes=-3', { start: 7, end: 10 }],
  ['BYTES= 2 - 4 ', { start: 2, end: 5 }],
  ['bytes=8-99', { start: 8, end: 10 }],
  ['bytes=10-', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=4-2', undefined],
  ['bytes=-', undefined],
  ['bytes=1 2-3', undefined],
  ['bytes=0-1,4-5', undefined],
  ['items=0-1', undefined],
])('%s of ten bytes', (range, part) => {
  expect(partOf(range, 10)).toEqual(part);
});

test('a header that is all blanks is read in no time', () => {
  const begun = performance.now();

  expect(partOf(`bytes=${' '.repeat(15_000)}x`, 10)).toBeUndefined();
  expect(partOf(`bytes=1${' '.repeat(7_000)}-${' '.repeat(7_000)}x`, 10)).toBeUndefined();

  expect(performance.now() - begun).toBeLessThan(50);
});
