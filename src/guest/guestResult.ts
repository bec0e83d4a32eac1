import { SENT_OUTPUT_CHARACTERS } from '../domain/command.js';
import { LIMITS } from '../domain/limits.js';
import type { NoteDeps } from './deliverCommand.js';
import { FACT, type Malformed, parseGuestBody, SESSION, UUID, upToDigits, type ValueRule } from './guestBody.js';
import type { GuestCall } from './guestCall.js';
import { type GuestResult, noteResult } from './noteResult.js';

/** 2^50 bytes are a thousand TiB. */
const SIZE_DIGITS = 15;
const TEXT: ValueRule = { max: SENT_OUTPUT_CHARACTERS, raw: true };

const RULES = new Map<string, ValueRule>([
  ['id', { max: 36, pattern: UUID, wants: 'give the id of a command' }],
  ['session', SESSION],
  ['state', { max: 20, pattern: /^(exited|timeout|cancelled|lost|failed)$/, wants: 'there is no such state' }],
  ['exit', { max: 11, pattern: /^-?\d{1,10}$/, wants: 'give a signed 32-bit number' }],
  ['reason', FACT],
  ['stdout', upToDigits(SIZE_DIGITS)],
  ['stderr', upToDigits(SIZE_DIGITS)],
  ['via', { max: 10, pattern: /^(share|here)$/, wants: 'via is share or here' }],
  ['stdout.text', TEXT],
  ['stderr.text', TEXT],
]);

/** `result`: how a command ended. The answer is the same whatever becomes of it. */
export function resultCall(deps: NoteDeps): GuestCall {
  return {
    maxBodyBytes: LIMITS.guestResultBytes.value,
    async answer({ vm, write }, body) {
      const result = parseResult(body);
      if ('malformed' in result) return result;
      if (vm) await noteResult({ ...deps, write }, vm, result);
      return { do: 'ok' };
    },
  };
}

function parseResult(body: string): GuestResult | Malformed {
  const values = parseGuestBody(body, (key) => RULES.get(key));
  if ('malformed' in values) return values;
  const id = values.get('id');
  const state = values.get('state') as GuestResult['end']['state'] | undefined;
  if (id === undefined || state === undefined) return { malformed: 'a line id=… or state=… is missing' };
  const end = endOf(state, values);
  if ('malformed' in end) return end;
  return {
    commandId: id.toLowerCase(),
    end,
    stdoutBytes: Number(values.get('stdout') ?? 0),
    stderrBytes: Number(values.get('stderr') ?? 0),
    ...(values.get('via') === 'here' && {
      texts: { stdout: values.get('stdout.text') ?? '', stderr: values.get('stderr.text') ?? '' },
    }),
  };
}

function endOf(
  state: GuestResult['end']['state'],
  values: ReadonlyMap<string, string>,
): GuestResult['end'] | Malformed {
  if (state === 'failed') return { state, reason: values.get('reason') || undefined };
  if (state !== 'exited') return { state };
  const exitCode = values.has('exit') ? Number(values.get('exit')) : Number.NaN;
  // As 32 bits say it: what is something else then was out of range.
  return (exitCode | 0) === exitCode ? { state, exitCode } : { malformed: 'exit: give a signed 32-bit number' };
}
