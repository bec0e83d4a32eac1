import type { GuestFacts } from '../db/guests.js';
import { FACT, type Malformed, parseGuestBody, SESSION, type ValueRule } from './guestBody.js';

/** What a guest says at its start: what phase it is in, and who it is. */
export interface GuestMessage {
  phase: 'installed' | 'ready' | 'failed';
  facts: GuestFacts;
  session?: string;
  /** The guest's clock. */
  clock?: Date;
  /** With `failed`: where, and why. */
  step?: string;
  reason?: string;
}

/** Of what may be missing, what is empty is missing too. */
const RULES: Readonly<Record<string, ValueRule>> = {
  phase: { max: 200, pattern: /^(installed|ready|failed)$/, wants: 'phase is ready, installed or failed' },
  session: { ...SESSION, pattern: /^[A-Za-z0-9]{0,64}$/ },
  clock: {
    max: 40,
    pattern: /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z)?$/,
    wants: 'give the time as 2026-11-23T15:37:26Z',
  },
  agent: FACT,
  windows: FACT,
  build: FACT,
  computer: FACT,
  guid: FACT,
  user: FACT,
  ip: FACT,
  codepage: FACT,
  step: FACT,
  reason: FACT,
};

export function parseGuestReport(body: string): GuestMessage | Malformed {
  const values = parseGuestBody(body, (key) => (Object.hasOwn(RULES, key) ? RULES[key] : undefined));
  if ('malformed' in values) return values;
  const phase = values.get('phase') as GuestMessage['phase'] | undefined;
  if (phase === undefined) return { malformed: 'a line phase=ready, phase=installed or phase=failed is missing' };
  const clock = values.get('clock') ? new Date(values.get('clock') as string) : undefined;
  if (clock && Number.isNaN(clock.getTime())) return { malformed: 'clock: there is no such time' };
  const fact = (key: string, pattern = /./su) => {
    const value = values.get(key);
    return value !== undefined && pattern.test(value) ? value : undefined;
  };
  const codePage = fact('codepage', /^\d{1,5}$/);
  const said = {
    agent: fact('agent'),
    windows: fact('windows'),
    // What decides something is understood or unknown.
    build: fact('build', /^\d{1,6}\.\d{1,6}\.\d{1,9}(\.\d{1,9})?$/),
    computer: fact('computer'),
    machineGuid: fact('guid'),
    userName: fact('user'),
    ip: fact('ip', /^\d{1,3}(\.\d{1,3}){3}$/),
    codePage: codePage === undefined ? undefined : Number(codePage),
  };
  const session = fact('session');
  const [step, reason] = [fact('step'), fact('reason')];
  return {
    phase,
    facts: said,
    ...(session !== undefined && { session }),
    ...(clock && { clock }),
    ...(step !== undefined && { step }),
    ...(reason !== undefined && { reason }),
  };
}
