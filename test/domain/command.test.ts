import { expect, test } from 'vitest';
import {
  COMMAND_EVENTS,
  COMMAND_STATUSES,
  type CommandStatus,
  commandTransition,
  isCommandOver,
  isTruncated,
  SENT_OUTPUT_CHARACTERS,
} from '../../src/domain/command.js';
import { LIMITS } from '../../src/domain/limits.js';

test('every event in every status', () => {
  const moves = COMMAND_STATUSES.flatMap((from) =>
    COMMAND_EVENTS.flatMap((event) => {
      const to = commandTransition(from, event);
      return to === undefined ? [] : [`${from} ${event} ${to}`];
    }),
  );
  expect(moves).toEqual([
    'QUEUED DELIVERED RUNNING',
    'QUEUED CANCELLED CANCELLED',
    'QUEUED BROKE FAILED',
    'RUNNING EXITED EXITED',
    'RUNNING TIMED_OUT TIMED_OUT',
    'RUNNING CANCELLED CANCELLED',
    'RUNNING BROKE FAILED',
  ]);
});

test.each<[CommandStatus, boolean]>([
  ['QUEUED', false],
  ['RUNNING', false],
  ['EXITED', true],
  ['TIMED_OUT', true],
  ['CANCELLED', true],
  ['FAILED', true],
])('%s is over: %s', (status, over) => {
  expect(isCommandOver(status)).toBe(over);
});

test.each([
  ['nothing', 0n, '', false],
  ['all of it', 5n, 'hello', false],
  ['all of it, three bytes a character', 9n, '日本語', false],
  ['all of it, in UTF-16 with its mark', 12n, 'hello', false],
  ['all that is kept', BigInt(LIMITS.commandOutputBytes.value), 'x'.repeat(LIMITS.commandOutputBytes.value), false],
  [
    'one byte more than is kept',
    BigInt(LIMITS.commandOutputBytes.value) + 1n,
    'x'.repeat(LIMITS.commandOutputBytes.value),
    true,
  ],
  ['none of it could be had', 4n, '', true],
  ['the beginning, without a share', 65_537n, 'x'.repeat(SENT_OUTPUT_CHARACTERS), true],
  ['all of it, without a share', 65_536n, 'x'.repeat(SENT_OUTPUT_CHARACTERS), false],
])('%s', (_, bytes, kept, truncated) => {
  expect(isTruncated(bytes, kept)).toBe(truncated);
});
