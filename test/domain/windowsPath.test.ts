import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { guestPath, readablePath, windowsPath, writablePath } from '../../src/domain/windowsPath.js';

const LETTERS = Array.from("abcXYZ019_-+=,;!@#$%^&()[]{}~`'äß日😀 .");

/** What Windows does with a name, said the other way round: letters that it takes, and ends that it keeps. */
const goodName = fc
  .string({ unit: fc.constantFrom(...LETTERS), minLength: 1, maxLength: 20 })
  .filter((name) => !/[. ]$/.test(name) && !/^\s*(con|prn|aux|nul|com\d|lpt\d)\b/i.test(name) && !/^\.+$/.test(name));
const goodPath = fc.array(goodName, { minLength: 1, maxLength: 6 }).map((names) => ['in', ...names]);

describe('a path that a caller hands in', () => {
  test('is taken name by name when Windows takes each', () => {
    fc.assert(
      fc.property(goodPath, (path) => {
        fc.pre(guestPath(path).length <= 259);
        expect(writablePath(path.join('/'))).toEqual(path);
        expect(readablePath(path.join('/'))).toEqual(path);
        expect(windowsPath(path.slice(1).join('/'))).toEqual(path.slice(1));
      }),
    );
  });

  test('is never taken with what is special to a file system, wherever it stands', () => {
    const evil = fc.oneof(
      fc.constantFrom(
        '',
        '.',
        '..',
        'a\\b',
        'C:',
        'c:x',
        'x:y',
        '::$DATA',
        'a\0b',
        'a\nb',
        'a<',
        '>',
        '"',
        '|',
        '?',
        '*',
      ),
      fc.constantFrom('a.', 'a ', '...', ' ', '\ud800', 'a\udfffb', '\u007f', '\u009f'),
      fc
        .tuple(
          fc.constantFrom(
            'con',
            'PRN',
            'Aux',
            'nul',
            'CONIN$',
            'conout$',
            'com0',
            'COM9',
            'lpt1',
            'LPT\u00b2',
            'com\u00b9',
          ),
          fc.constantFrom('', '.txt', '.tar.gz', ' .x', '  '),
        )
        .map((parts) => parts.join('')),
      fc.integer({ min: 256, max: 300 }).map((length) => 'n'.repeat(length)),
      fc.integer({ min: 128, max: 200 }).map((length) => 'ä'.repeat(length)),
    );
    fc.assert(
      fc.property(goodPath, evil, fc.nat(), (path, name, at) => {
        const bad = path.with(1 + (at % (path.length - 1)), name).join('/');
        expect(writablePath(bad)).toBeTypeOf('string');
        expect(windowsPath(bad.slice(3))).toBeTypeOf('string');
      }),
    );
  });

  test('never leads out of the share, whatever the text', () => {
    const text = fc.string({ unit: fc.constantFrom('/', '\\', '.', '..', 'in', 'out', 'x', '\0', ':', ' ') });
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          fc.string(),
          text.map((rest) => `in/${rest}`),
        ),
        (given) => {
          for (const path of [writablePath(given), readablePath(given), windowsPath(given)]) {
            if (typeof path === 'string') continue;
            expect(path.length).toBeGreaterThan(0);
            for (const name of path) expect(['', '.', '..'].includes(name) || /[/\0]/.test(name)).toBe(false);
            expect(path.join('/')).toBe(given);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['', 'Begin the path with in/'],
    ['in', 'Begin the path with in/'],
    ['x', 'Begin the path with in/'],
    ['out/x', 'Only the guest writes to out/'],
    ['/in/x', 'without a slash at its beginning'],
    ['in/x/', 'none at the end'],
    ['in\\x', 'Begin the path with in/'],
    ['in/a\\x', 'not "\\\\"'],
    ['C:/x', 'Leave out the drive letter'],
    ['Z:\\in\\x', 'Leave out the drive'],
    ['in/C:/x', 'Leave out ":"'],
    ['in/odd/a:b', 'Leave out ":"'],
    ['in/ab:c', 'Leave out ":"'],
    ['in/con.txt', 'for a device'],
    [`in/${'n'.repeat(256)}`, 'at most 255 bytes'],
    [`in/${'n'.repeat(150)}/${'n'.repeat(150)}`, 'up to 259 characters'],
    [`in/${'n/'.repeat(31)}n`, 'at most 32 names'],
  ])('%s: the problem says what to do', (given, words) => {
    expect(JSON.stringify(writablePath(given))).toContain(words.replaceAll('"', '\\"'));
  });

  test('fits to the last character', () => {
    const last = `in/${'n'.repeat(200)}/${'n'.repeat(52)}`;
    expect(guestPath(last.split('/'))).toHaveLength(259);
    expect(writablePath(last)).toBeInstanceOf(Array);
    expect(writablePath(`${last}n`)).toBeTypeOf('string');
  });
});

describe('a path that the guest made', () => {
  test('may have names that Windows would not take', () => {
    for (const path of ['out/con', 'out/a.', 'out/a:b\\c?', 'in', 'out'])
      expect(readablePath(path)).toEqual(path.split('/'));
  });
  test('still climbs nowhere', () => {
    for (const path of ['out/..', 'out/./x', 'out//x', '/out', 'guest.cfg', 'commands/x', '', 'out/\0', 'out/\ud800'])
      expect(readablePath(path)).toBeTypeOf('string');
  });
});
