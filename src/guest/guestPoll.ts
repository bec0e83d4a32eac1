import { LIMITS } from '../domain/limits.js';
import { type Malformed, parseGuestBody, SESSION, UUID, type ValueRule } from './guestBody.js';
import type { StreamSizes } from './noteOutput.js';

/** What a guest says with each poll. */
export interface GuestPoll {
  session: string;
  /** How long the answer may take; at most 30. */
  waitSeconds: number;
  running: ReadonlySet<string>;
  output: ReadonlyMap<string, StreamSizes>;
}

const ID = '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}';
const RULES = new Map<string, ValueRule>([
  ['session', SESSION],
  ['wait', { max: 2, pattern: /^\d{1,2}$/, wants: `give 0 to ${LIMITS.guestPollSeconds.value}` }],
  [
    'running',
    {
      max: LIMITS.guestPollIds.value * 37,
      pattern: new RegExp(`^(?:${ID}(?:,${ID})*)?$`),
      wants: `give the ids of at most ${LIMITS.guestPollIds.value} commands, joined by commas`,
    },
  ],
]);
const SIZES: ValueRule = { max: 31, pattern: /^\d{1,15},\d{1,15}$/, wants: 'give two numbers of bytes: 1234,0' };
const OUTPUT = 'output.';

export function parseGuestPoll(body: string): GuestPoll | Malformed {
  const values = parseGuestBody(
    body,
    (key) => RULES.get(key) ?? (key.startsWith(OUTPUT) && UUID.test(key.slice(OUTPUT.length)) ? SIZES : undefined),
  );
  if ('malformed' in values) return values;
  const session = values.get('session');
  if (session === undefined) return { malformed: 'a line session=… is missing' };
  const running = (values.get('running') ?? '').toLowerCase().split(',');
  const output = new Map<string, StreamSizes>();
  for (const [key, value] of values) {
    if (!key.startsWith(OUTPUT)) continue;
    const [stdout, stderr] = value.split(',').map(Number) as [number, number];
    output.set(key.slice(OUTPUT.length).toLowerCase(), { stdout, stderr });
  }
  return {
    session,
    waitSeconds: Math.min(LIMITS.guestPollSeconds.value, Number(values.get('wait') ?? 0)),
    running: new Set(running.filter((id) => id !== '')),
    output,
  };
}
