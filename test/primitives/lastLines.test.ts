import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lastLines } from '../../src/primitives/lastLines.js';

test('the last lines, without colours and what draws over itself', () => {
  const log =
    'one\n\u001b[1;34m❯ \u001b[1;36mtwo\u001b[0m\r\n\n10% → 20%\r30% → 40%\n\u001b]0;title\u0007three\u0000\u202e!\n';
  expect(lastLines(log, 3)).toEqual(['❯ two', '30% → 40%', 'three  !']);
  expect(lastLines('', 3)).toEqual([]);
});

test('what is said again and again leaves room for the rest', () => {
  const warning = '\u001b[1;31m❯ Warning: failed to inspect disk\u001b[0m\n';
  const log = `one\ntwo\n${warning.repeat(3)}three\n${warning.repeat(81)}four\n`;
  expect(lastLines(log, 4)).toEqual(['two', 'three', '❯ Warning: failed to inspect disk (84 times)', 'four']);
});

test('a secret in a URL is not told: the guest image names what it could not download', () => {
  const log =
    '\u001b[1;31m❯ ERROR: Failed to download https://me:secret@h/w.iso?sig=secret with exit status 8.\u001b[0m\n';
  expect(lastLines(log, 9)).toEqual(['❯ ERROR: Failed to download https://***@h/w.iso?*** with exit status 8.']);
});

test('a line without end is cut at its beginning', () => {
  const [line] = lastLines(`${'x'.repeat(100_000)}end`, 10);
  expect(line).toHaveLength(1999);
  expect(line).toMatch(/^…x+end$/);
});

test('whatever a guest writes, what comes out is bounded and nothing that a terminal obeys', () => {
  const hostile = fc.array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\u001b[', '\u001b]', '\n', '\r', '\u009b1m', '\ud800', 'x'.repeat(900)),
    ),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(hostile, (parts) => {
      const lines = lastLines(parts.join(''), 10);
      expect(lines.length).toBeLessThanOrEqual(10);
      expect(lines.join('\n').length).toBeLessThanOrEqual(2000);
      expect(lines.join('')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    }),
  );
});
