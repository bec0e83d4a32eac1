import { expect, test } from 'vitest';
import { checked, isoUrlOf } from '../../src/commands/input.js';

const isoUrl = (given: string) => checked(() => isoUrlOf(given));

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
