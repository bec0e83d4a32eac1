import fc from 'fast-check';
import iconv from 'iconv-lite';
import { describe, expect, test } from 'vitest';
import { decodeOutput, encodeJob } from '../../src/guest/guestText.js';

const OLD = '6.1.7601';
const NEW = '10.0.17763';
const guest = (build: string | null, codePage: number | null) => ({ build, codePage });
const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');

/** Text that stands in one code page, and one character that does not. */
const PAGES: [number, string, string][] = [
  [437, 'echo ÄÖÜ äöü ß é ñ ░▒▓ ½ »', '日'],
  [850, 'echo Ã Õ ø × ¾ ð þ', 'Ж'],
  [866, 'echo Привет, мир ё Ё', 'ä'],
  [932, 'echo 日本語テスト ｶﾅ 表 ソ', 'ä'],
];

describe('a batch file', () => {
  test('has CRLF, and prints no commands', () => {
    expect(Buffer.from(encodeJob('dir\nver\r\nset\recho "a" & rem ^', guest(OLD, 437)) ?? []).toString('latin1')).toBe(
      '@echo off\r\ndir\r\nver\r\nset\r\necho "a" & rem ^\r\n',
    );
  });

  test.each(PAGES)('in code page %i', (page, text, other) => {
    const bytes = encodeJob(text, guest(OLD, page));

    expect(iconv.decode(Buffer.from(bytes ?? []), `cp${page}`)).toBe(`@echo off\r\n${text}\r\n`);
    expect(encodeJob(`echo ${other}`, guest(OLD, page))).toBeUndefined();
  });

  test('the bytes are those of Windows: é in 437 and 850, я in 866, 表 in 932, whose second half is a backslash', () => {
    const tail = (text: string, page: number) =>
      hex(encodeJob(text, guest(OLD, page))).slice('@echo off\r\n'.length * 2);
    expect(tail('é', 437)).toBe('820d0a');
    expect(tail('é', 850)).toBe('820d0a');
    expect(tail('я', 866)).toBe('ef0d0a');
    expect(tail('表', 932)).toBe('955c0d0a');
  });

  test.each([
    ['6.1.7601', false],
    ['10.0.17134', false],
    ['10.0.17763', true],
    ['10.0.17763.1', true],
    ['10.0.26100', true],
    ['10.1.0', true],
    ['11.0.0', true],
    ['5.1.2600', false],
    [null, false],
  ])('Windows %s reads UTF-8: %s', (build, utf8) => {
    const job = Buffer.from(encodeJob('echo é', guest(build, 437)) ?? []);

    expect(job.toString('utf8').startsWith('@chcp 65001>nul\r\n@echo off\r\n')).toBe(utf8);
    expect(hex(job)).toContain(utf8 ? 'c3a9' : '6f2082');
  });

  test('a guest in code page 65001 reads UTF-8 whatever its build; one in a page that nobody knows reads ASCII', () => {
    expect(Buffer.from(encodeJob('echo 日本', guest(OLD, 65_001)) ?? []).toString('utf8')).toContain('echo 日本');
    expect(encodeJob('echo é', guest(OLD, 99_999))).toBeUndefined();
    expect(encodeJob('echo e', guest(OLD, 99_999))).toBeDefined();
  });
});

describe('output', () => {
  test.each(PAGES)('in code page %i is read as that', (page, text) => {
    expect(decodeOutput(iconv.encode(text, `cp${page}`), page, false)).toBe(text);
  });

  test('valid UTF-8 is that, whatever the code page; its mark is left out', () => {
    expect(decodeOutput(Buffer.from('grüße 日本 🚀'), 866, false)).toBe('grüße 日本 🚀');
    expect(decodeOutput(Buffer.from('\uFEFFx'), 866, false)).toBe('x');
  });

  test('UTF-16 with its mark', () => {
    expect(decodeOutput(Buffer.from('\uFEFFgrüße 🚀', 'utf16le'), 437, false)).toBe('grüße 🚀');
  });

  test('NUL and halves of characters can not be stored', () => {
    expect(decodeOutput(Buffer.from('a\0b'), 437, false)).toBe('a\uFFFDb');
    expect(decodeOutput(Buffer.from('\uFEFF\uD83Dx', 'utf16le'), 437, false)).toBe('\uFFFDx');
  });

  test.each([
    ['UTF-8', Buffer.from('é日🚀'), 437, 'é日🚀'],
    ['UTF-16', Buffer.from('\uFEFFé日🚀', 'utf16le'), 437, 'é日🚀'],
    ['code page 932', iconv.encode('日本', 'cp932'), 932, '日本'],
  ])('%s that is cut anywhere shows whole characters only, and never takes one back', (_, bytes, page, all) => {
    let before = '';
    for (let length = 1; length <= bytes.length; length++) {
      const text = decodeOutput(bytes.subarray(0, length), page, true);
      if (length > 1) expect(all.startsWith(text)).toBe(true);
      expect(text.length).toBeGreaterThanOrEqual(length > 2 ? before.length : 0);
      before = text;
    }
    expect(before).toBe(all);
  });

  test('whatever a guest writes, in whatever page it says: text that Postgres takes, of no more characters than bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.oneof(
          fc.constant(null),
          fc.integer({ min: 0, max: 99_999 }),
          fc.constantFrom(437, 932, 65_001, 1200, 12_000),
        ),
        fc.boolean(),
        (bytes, page, cut) => {
          const text = decodeOutput(bytes, page, cut);
          expect(text.includes('\0')).toBe(false);
          expect(text.isWellFormed()).toBe(true);
          expect(text.length).toBeLessThanOrEqual(bytes.length);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('whatever a caller runs: the batch file says it, or it is refused', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 200 }),
        fc.constantFrom(437, 850, 866, 932),
        (text, page) => {
          const job = encodeJob(text, guest(OLD, page));
          if (job === undefined) return;
          const wanted = `@echo off\r\n${text.replace(/\r\n|\r|\n/g, '\r\n')}\r\n`;
          expect(iconv.decode(Buffer.from(job), `cp${page}`)).toBe(wanted);
        },
      ),
    );
    const utf8 = Buffer.from(encodeJob('日本🚀', guest(NEW, 437)) ?? []).toString('utf8');
    expect(utf8).toBe('@chcp 65001>nul\r\n@echo off\r\n日本🚀\r\n');
  });
});
