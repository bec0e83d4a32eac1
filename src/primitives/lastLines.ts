import { maskUrls } from './maskUrls.js';

const MAX_CHARS = 2_000;
/** Colours, cursor movements and titles of a terminal. */
const ESCAPES = /\p{Cc}(?:\[[0-?]*[ -/]*[@-~]|\][^\p{Cc}]*(?:\p{Cc}\\?)?)/gu;
/** Control characters but line ends, and what reorders or hides text. */
const UNPRINTABLE = /[^\P{Cc}\n\r]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * The end of a log for people to read: at most `count` lines, 2,000 characters, nothing that a terminal would obey. A bar that was
 * drawn over itself shows its last state; a line that comes again and again stands where it came last, with how often. The text may
 * be hostile.
 */
export function lastLines(text: string, count: number): string[] {
  const lines = folded(
    text
      .slice(-32 * MAX_CHARS)
      .replace(ESCAPES, '')
      .split('\n')
      .map((line) => line.split('\r').findLast((part) => part !== '') ?? '')
      .map((line) => line.replace(UNPRINTABLE, ' ').trimEnd())
      .filter((line) => line.trim() !== '')
      // The guest image tells what it could not download by the whole URL.
      .map(maskUrls),
  ).slice(-count);
  const kept: string[] = [];
  let left = MAX_CHARS;
  for (const line of lines.toReversed()) {
    if (left <= 1) break;
    const part = line.length < left ? line : `…${line.slice(line.length - left + 2).replace(/^[\uDC00-\uDFFF]/, '')}`;
    kept.unshift(part);
    left -= part.length + 1;
  }
  return kept;
}

/** Each line once, in the order in which they came last. */
function folded(lines: string[]): string[] {
  const times = new Map<string, number>();
  for (const line of lines) {
    const before = times.get(line) ?? 0;
    times.delete(line);
    times.set(line, before + 1);
  }
  return [...times].map(([line, n]) => (n === 1 ? line : `${line} (${n} times)`));
}
