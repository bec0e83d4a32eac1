import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseGuestReport } from '../../src/guest/guestReport.js';

test('reads phase, windows and computer', () => {
  expect(parseGuestReport('phase=ready\r\nwindows=Windows%2011%20Pro\r\ncomputer=PC-%C3%BC\r\n')).toEqual({
    phase: 'ready',
    facts: { windows: 'Windows 11 Pro', computer: 'PC-ü' },
  });
});

test('takes a plus sign for a plus sign, and what comes after the first = for the value', () => {
  expect(parseGuestReport('windows=a+b=c\nphase=installed')).toEqual({
    phase: 'installed',
    facts: { windows: 'a+b=c' },
  });
});

test('leaves keys of later versions alone', () => {
  expect(parseGuestReport('phase=ready\nuptime=%%%\n__proto__=x')).toEqual({ phase: 'ready', facts: {} });
});

test.each([
  ['%00a%1Bb%0Ac%7F', 'abc'],
  ['%E2%80%AEtxt.exe', 'txt.exe'], // right-to-left override
  ['a%E2%80%A8b', 'ab'], // line separator
  ['%20%20x%20', 'x'],
])('cuts what cannot be seen: %s', (given, kept) => {
  expect(parseGuestReport(`phase=ready\ncomputer=${given}`)).toEqual({ phase: 'ready', facts: { computer: kept } });
});

test.each([
  ['', 'phase'],
  ['windows=11', 'phase'],
  ['phase=ready\nnonsense', 'line 2'],
  ['=ready', 'line 1'],
  ['phase=booted', 'line 1'],
  ['phase=READY', 'line 1'],
  ['\n\nphase=', 'line 3'],
  ['phase=ready\nphase=ready', 'line 2'],
  ['phase=ready\nwindows=%', 'line 2'],
  ['phase=ready\nwindows=%FF', 'line 2'],
  [`phase=ready\nwindows=${'x'.repeat(201)}`, 'line 2'],
  [`phase=ready\nwindows=${'%20'.repeat(201)}`, 'line 2'],
])('%j is malformed: %s', (body, where) => {
  expect(parseGuestReport(body)).toEqual({ malformed: expect.stringContaining(where) });
});

test('whatever comes, it neither throws nor sends anything of it back nor keeps anything unprintable or long', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.string({ unit: 'binary', maxLength: 300 }),
      (raw, value) => {
        const secret = 'S3CR3T';
        const rejected = parseGuestReport(`${raw}\n${secret}`);
        expect(JSON.stringify(rejected)).not.toContain(secret);
        const encoded = encodeURIComponent(value);
        const read = parseGuestReport(`phase=ready\ncomputer=${encoded}`);
        if ('malformed' in read) return;
        expect((read.facts.computer ?? '').length).toBeLessThanOrEqual(200);
        expect(read.facts.computer ?? '').not.toMatch(/\p{Cc}|\p{Cf}/u);
      },
    ),
  );
});
