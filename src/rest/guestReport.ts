import type { GuestFacts } from '../commands/reportGuest.js';

/** What a guest says: what phase it is in, and who it is. */
export interface GuestMessage {
  phase: 'installed' | 'ready';
  facts: GuestFacts;
}

/** Names the line that can't be read, never what it says: nothing of a guest's is sent back or on. */
export interface Malformed {
  malformed: string;
}

const MAX_LENGTH = 200;
/** Control and format characters (which reorder or hide text), line separators, and halves of characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Reads lines of key=value with percent-encoded values. Keys that it does not know are for a later version and left alone. */
export function parseGuestReport(body: string): GuestMessage | Malformed {
  const values = new Map<string, string>();
  for (const [index, line] of body.split(/\r?\n/).entries()) {
    if (line === '') continue;
    const bad = (what: string): Malformed => ({ malformed: `line ${index + 1}: ${what}` });
    const at = line.indexOf('=');
    if (at < 1) return bad('give key=value');
    const key = line.slice(0, at);
    if (key !== 'phase' && key !== 'windows' && key !== 'computer') continue;
    if (values.has(key)) return bad('the same key was given before');
    const value = decoded(line.slice(at + 1));
    if (value === undefined) return bad('the value is not percent-encoded UTF-8');
    if (value.length > MAX_LENGTH) return bad(`the value has more than ${MAX_LENGTH} characters`);
    if (key === 'phase' && value !== 'installed' && value !== 'ready') return bad('phase is installed or ready');
    values.set(key, value.replace(UNPRINTABLE, '').trim());
  }
  const phase = values.get('phase');
  if (phase !== 'installed' && phase !== 'ready')
    return { malformed: 'a line phase=installed or phase=ready is missing' };
  return {
    phase,
    facts: { windows: values.get('windows') || undefined, computer: values.get('computer') || undefined },
  };
}

function decoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
