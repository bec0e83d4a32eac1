import { LIMITS } from './limits.js';

/** The life of one command in a VM: states, what may happen in each. Pure. */

export const COMMAND_STATUSES = ['QUEUED', 'RUNNING', 'EXITED', 'TIMED_OUT', 'CANCELLED', 'FAILED'] as const;
export type CommandStatus = (typeof COMMAND_STATUSES)[number];

export const COMMAND_EVENTS = ['DELIVERED', 'EXITED', 'TIMED_OUT', 'CANCELLED', 'BROKE'] as const;
export type CommandEvent = (typeof COMMAND_EVENTS)[number];

export const COMMAND_TRANSPORTS = ['AGENT', 'QEMU_GUEST_AGENT'] as const;
export type CommandTransport = (typeof COMMAND_TRANSPORTS)[number];

/**
 * How long what a command of this age has written is left alone once it was taken over; milliseconds. Each time all that is kept is
 * written anew, so a command that runs for hours is looked at ever less.
 */
export function outputEveryMs(ageMs: number): number {
  return Math.max(1_000, ageMs / 50);
}

const table = {
  QUEUED: { DELIVERED: 'RUNNING', CANCELLED: 'CANCELLED', BROKE: 'FAILED' },
  RUNNING: { EXITED: 'EXITED', TIMED_OUT: 'TIMED_OUT', CANCELLED: 'CANCELLED', BROKE: 'FAILED' },
  EXITED: {},
  TIMED_OUT: {},
  CANCELLED: {},
  FAILED: {},
} as const satisfies Record<CommandStatus, Partial<Record<CommandEvent, CommandStatus>>>;

/** The status after `event`, or undefined when a command in `status` may not see it. */
export function commandTransition(status: CommandStatus, event: CommandEvent): CommandStatus | undefined {
  const row: Partial<Record<CommandEvent, CommandStatus>> = table[status];
  return row[event];
}

/** Whether nothing can happen to a command in `status` any more. */
export function isCommandOver(status: CommandStatus): boolean {
  return Object.keys(table[status]).length === 0;
}

/** How many characters of a stream a guest sends where its share takes nothing. */
export const SENT_OUTPUT_CHARACTERS = 65_536;

/**
 * Whether less than all that a command wrote to a stream (`bytes`) is in the text that is kept of it. The text's own bytes are not known
 * any more, but no encoding takes more than 3 for one UTF-16 unit, and 3 for a mark at its beginning.
 */
export function isTruncated(bytes: bigint, kept: string): boolean {
  if (bytes > LIMITS.commandOutputBytes.value || bytes > 3 * kept.length + 3) return true;
  return kept.length === SENT_OUTPUT_CHARACTERS && bytes > kept.length;
}
