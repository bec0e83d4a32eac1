import { expect, test } from 'vitest';
import { checkedText, line } from '../../src/actions/fields.js';
import { isoUrlOf } from '../../src/actions/input.js';
import { parseField } from '../../src/actions/parseInput.js';

const isoUrl = (given: string) => parseField('isoUrl', checkedText(isoUrlOf), given);

test.each([
  'https://example.com/windows.11.iso',
  'https://example.com/files/WINDOWS.iso?sig=1',
  'https://example.com/%77indows.iso#x',
  'https://example.com/windows.iso.zip',
  'https://example.com/windows', // gets ".iso"
  'https://example.com/windows.esd/',
  'https://windows.example.com/', // no other name there
])('a medium whose name the guest image keeps to itself is refused: %s', (given) => {
  expect(isoUrl(given)).toMatchObject({ field: 'isoUrl', fix: expect.stringContaining('windows.') });
});

test.each([
  'https://example.com/win11.iso',
  'https://example.com/windows11.iso',
  'https://example.com/windows.11/medium.iso',
  'https://windows.example.com/win11.iso',
  'https://example.com/get?file=/windows.iso',
])('any other is taken: %s', (given) => {
  expect(isoUrl(given)).toBe(given);
});

const name = (given: string) => parseField('name', line(100), given);

test.each([
  ['right-to-left override', 'report\u202Eexe.doc'],
  ['isolate', 'a\u2066b\u2069'],
  ['Arabic letter mark', 'a\u061Cb'],
  ['zero-width space', 'ad\u200Bmin'],
  ['joiner between Latin letters', 'ad\u200Dmin'],
  ['joiner at the end', 'admin\u200C'],
  ['soft hyphen', 'ad\u00ADmin'],
  ['byte order mark', 'a\uFEFFb'],
  ['Hangul filler', '\u3164'],
  ['tag character', 'a\u{E0041}b'],
  ['variation selector of a letter', 'a\uFE0F'],
  ['line separator', 'a\u2028b'],
])('a text with an invisible mark is refused, and the mark is not in the answer: %s', (_kind, given) => {
  const refusal = name(given);
  expect(refusal).toMatchObject({ field: 'name', fix: expect.stringContaining('invisible') });
  expect(JSON.stringify(refusal) + String(refusal)).not.toMatch(/[\p{DI}\p{Zl}\p{Zp}]/u);
});

test.each(['Büro 7', 'نمی\u200Cخواهم', 'ක්\u200Dෂ', '👩\u200D💻', '❤\uFE0F', '1\uFE0F\u20E3', 'עברית', '日本語'])(
  'what a script or an emoji is written with is taken: %s',
  (given) => {
    expect(name(given)).toBe(given);
  },
);
