import { LIMITS } from '../domain/limits.js';
import { UNPRINTABLE } from '../primitives/unprintable.js';

/** Names the line that can't be read, never what it says: nothing of a guest's is sent back or on. */
export interface Malformed {
  malformed: string;
}

/** What the value of one key may be. */
export interface ValueRule {
  /** Characters, UTF-16 units. */
  max: number;
  /** Leaves the value as it is; else it is one line of text, and what can't be seen is cut out of it. */
  raw?: boolean;
  /** What the value must match to be understood; `wants` says so. */
  pattern?: RegExp;
  wants?: string;
}

/** One line of text that a guest says of itself. */
export const FACT: ValueRule = { max: 200 };

/**
 * Reads lines of key=value with percent-encoded values. Keys without a rule are for a later version and left alone; an empty value
 * is the same as none, but where the rule has a pattern.
 */
export function parseGuestBody(
  body: string,
  ruleOf: (key: string) => ValueRule | undefined,
): ReadonlyMap<string, string> | Malformed {
  const values = new Map<string, string>();
  const lines = body.split(/\r?\n/, LIMITS.guestLines.value + 1);
  if (lines.length > LIMITS.guestLines.value) return { malformed: `give at most ${LIMITS.guestLines.value} lines` };
  for (const [index, line] of lines.entries()) {
    if (line === '') continue;
    const bad = (what: string): Malformed => ({ malformed: `line ${index + 1}: ${what}` });
    const at = line.indexOf('=');
    if (at < 1) return bad('give key=value');
    const key = line.slice(0, at);
    const rule = ruleOf(key);
    if (rule === undefined) continue;
    if (values.has(key)) return bad('the same key was given before');
    const value = decoded(line.slice(at + 1));
    if (value === undefined) return bad('the value is not percent-encoded UTF-8');
    if (value.length > rule.max) return bad(`the value has more than ${rule.max} characters`);
    if (rule.pattern && !rule.pattern.test(value)) return bad(rule.wants ?? 'the value is not understood');
    values.set(key, rule.raw ? value : value.replace(UNPRINTABLE, '').trim());
  }
  return values;
}

export const SESSION: ValueRule = {
  max: 64,
  pattern: /^[A-Za-z0-9]{1,64}$/,
  wants: 'give 1 to 64 letters and digits',
};

export const UUID: RegExp = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A number of bytes, or a count. More digits than this are no number that anything could have. */
export function upToDigits(digits: number): ValueRule {
  return { max: digits, pattern: /^\d+$/, wants: 'give a whole number' };
}

function decoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
