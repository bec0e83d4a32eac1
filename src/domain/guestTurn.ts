/** What a guest that calls in is told to do next. Pure. */
import type { CommandStatus } from './command.js';
import { LIMITS } from './limits.js';

/** What was told and not done yet is told again after this long: the answer may have been lost. */
export const TELL_AGAIN_MS = 5_000;

export interface TurnCommand {
  id: string;
  status: CommandStatus;
  /** Start of the agent that it was handed to. */
  session: string | null;
  startedAt: Date | null;
  cancelRequestedAt: Date | null;
}

export interface Caller {
  /** This start of the agent. */
  session: string;
  /** Ids of what the agent says it runs, or has a result of. */
  running: ReadonlySet<string>;
  /** How many times this start of the agent has called, this time included. */
  calls: number;
  /** When it was last told of a command's start or end; undefined: not by this server. */
  toldAt: (commandId: string) => number | undefined;
}

export type GuestTurn =
  | { do: 'nothing' /** Decide again after this long, whatever happens. */; againMs?: number }
  /** `again`: it was handed out before, and the answer seems to be lost. */
  | { do: 'run'; id: string; again: boolean }
  | { do: 'cancel'; id: string }
  /** It ran when the agent stopped, and the agent of now knows nothing of it. */
  | { do: 'give up'; id: string };

/** `live`: the commands that run, and the first of those that wait. `now`: milliseconds since 1970. */
export function guestTurn(live: readonly TurnCommand[], caller: Caller, now: number): GuestTurn {
  const running = live.filter(({ status }) => status === 'RUNNING');
  let againMs: number | undefined;
  const due = (id: string, sinceMs: number): boolean => {
    const leftMs = Math.max(sinceMs, caller.toldAt(id) ?? 0) + TELL_AGAIN_MS - now;
    if (leftMs > 0) againMs = Math.min(againMs ?? leftMs, leftMs);
    return leftMs <= 0;
  };

  // An agent sends what it knows of older commands with its first calls.
  const lost = running.find(
    ({ id, session }) => session !== caller.session && !caller.running.has(id) && caller.calls > 1,
  );
  if (lost) return { do: 'give up', id: lost.id };

  for (const { id, session, cancelRequestedAt } of running) {
    if (cancelRequestedAt === null || (session !== caller.session && !caller.running.has(id))) continue;
    if (caller.toldAt(`cancel ${id}`) === undefined || due(`cancel ${id}`, 0)) return { do: 'cancel', id };
  }
  for (const { id, session, startedAt, cancelRequestedAt } of running) {
    if (session !== caller.session || caller.running.has(id) || cancelRequestedAt !== null) continue;
    if (due(id, startedAt?.getTime() ?? 0)) return { do: 'run', id, again: true };
  }
  const next = live.find(({ status }) => status === 'QUEUED');
  if (next && running.length < LIMITS.commandsAtOnce.value) return { do: 'run', id: next.id, again: false };
  return { do: 'nothing', ...(againMs !== undefined && { againMs }) };
}
