import { type CommandEvent, type CommandStatus, commandTransition } from '../domain/command.js';
import type { Command, CommandOutput, Prisma } from '../generated/prisma/client.js';
import type { Db, Tx } from './client.js';
import { lockRow } from './lockRow.js';

export type { Command, CommandOutput };

const LIVE = ['QUEUED', 'RUNNING'] as const satisfies readonly CommandStatus[];

export function getCommand(db: Db | Tx, id: string): Promise<Command | null> {
  return db.command.findUnique({ where: { id } });
}

/** The command with its row held until the transaction ends. Where its VM's row is held too, that one is taken first. */
export function lockCommand(tx: Tx, id: string): Promise<Command | null> {
  return lockRow(tx, 'Command', id);
}

/** Commands of one VM, newest first; at most `limit` of those before `before`. */
export function commandsOfVm(
  db: Db | Tx,
  vmId: string,
  page: { limit: number; before?: Pick<Command, 'createdAt' | 'id'> },
): Promise<Command[]> {
  const { limit, before } = page;
  return db.command.findMany({
    where: {
      vmId,
      ...(before && {
        OR: [{ createdAt: { lt: before.createdAt } }, { createdAt: before.createdAt, id: { lt: before.id } }],
      }),
    },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: limit,
  });
}

/** What is kept of these commands' output; one that wrote nothing yet is not in it. */
export async function outputOf(db: Db | Tx, ids: readonly string[]): Promise<Map<string, CommandOutput>> {
  const rows = await db.commandOutput.findMany({ where: { commandId: { in: [...ids] } } });
  return new Map(rows.map((row) => [row.commandId, row]));
}

/**
 * Moves a command on, or answers undefined when another writer got there first or its status does not allow the event.
 * Guarded by `generation`.
 */
export async function moveCommand(
  tx: Tx,
  command: Pick<Command, 'id' | 'status' | 'generation'>,
  event: CommandEvent,
  also: Prisma.CommandUpdateManyMutationInput = {},
): Promise<Command | undefined> {
  const status = commandTransition(command.status, event);
  if (status === undefined) return undefined;
  const [moved] = await tx.command.updateManyAndReturn({
    where: { id: command.id, generation: command.generation },
    data: { ...also, status, generation: { increment: 1 } },
  });
  return moved;
}

/** Ends all commands of a VM that are not over, for one reason. */
export function breakCommandsOf(tx: Tx, vmId: string, reason: string): Promise<{ id: string }[]> {
  return tx.command.updateManyAndReturn({
    where: { vmId, status: { in: [...LIVE] } },
    data: { status: 'FAILED' satisfies CommandStatus, reason, endedAt: tx.clock.now(), generation: { increment: 1 } },
    select: { id: true },
  });
}

/** What the guest's next call is decided on: without the texts, which may be long. */
export type LiveCommand = Pick<Command, 'id' | 'status' | 'session' | 'startedAt' | 'cancelRequestedAt'>;

/** The commands that the agent runs, and the one whose turn is next. */
export async function liveCommands(db: Db | Tx, vmId: string): Promise<LiveCommand[]> {
  const select = { id: true, status: true, session: true, startedAt: true, cancelRequestedAt: true } as const;
  const of = (status: CommandStatus) => ({ vmId, transport: 'AGENT', status }) as const;
  const [running, next] = await Promise.all([
    db.command.findMany({ where: of('RUNNING'), orderBy: { turn: 'asc' }, select }),
    db.command.findFirst({ where: of('QUEUED'), orderBy: { turn: 'asc' }, select }),
  ]);
  return next === null ? running : [...running, next];
}

export function countQueued(tx: Tx, vmId: string): Promise<number> {
  return tx.command.count({ where: { vmId, status: 'QUEUED' } });
}

export function countRunning(tx: Tx, vmId: string): Promise<number> {
  return tx.command.count({ where: { vmId, transport: 'AGENT', status: 'RUNNING' } });
}

/** Marks a command that waits as handed to this start of the agent. Undefined: it does not wait any more. */
export async function handOver(tx: Tx, id: string, session: string): Promise<Command | undefined> {
  const [moved] = await tx.command.updateManyAndReturn({
    where: { id, status: 'QUEUED' },
    data: {
      status: commandTransition('QUEUED', 'DELIVERED') as CommandStatus,
      session,
      startedAt: tx.clock.now(),
      generation: { increment: 1 },
    },
  });
  return moved;
}

/** A command that this start of the agent was handed before, and that is still to run. */
export async function handedOver(tx: Tx, id: string, session: string): Promise<Command | undefined> {
  const found = await tx.command.findFirst({ where: { id, session, status: 'RUNNING', cancelRequestedAt: null } });
  return found ?? undefined;
}

/** A stream that is left out stays as it is. */
export async function saveOutput(
  tx: Tx,
  commandId: string,
  output: { stdout?: string; stderr?: string },
): Promise<void> {
  await tx.commandOutput.upsert({ where: { commandId }, create: { commandId, ...output }, update: output });
}

/** Commands that run although their time was over `graceSeconds` ago, at most 100. Time before `since` does not count. */
export async function overdueCommands(db: Db, now: Date, since: Date, graceSeconds: number): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT "id" FROM "Command" WHERE "status" = 'RUNNING'
      AND greatest("startedAt" + "timeoutSeconds" * interval '1 second', ${since}::timestamptz)
        + ${graceSeconds}::int * interval '1 second' < ${now}::timestamptz
    LIMIT 100`;
  return rows.map(({ id }) => id);
}

/**
 * Commands that run although they were cancelled more than `graceSeconds` ago, at most 100. Time before `since` does not count.
 */
export async function unconfirmedCancels(db: Db, now: Date, since: Date, graceSeconds: number): Promise<string[]> {
  const latest = new Date(now.getTime() - graceSeconds * 1000);
  if (since >= latest) return [];
  const rows = await db.command.findMany({
    where: { status: 'RUNNING', cancelRequestedAt: { lt: latest } },
    select: { id: true },
    take: 100,
  });
  return rows.map(({ id }) => id);
}

/**
 * Commands that have waited since `before` in a VM whose agent was not heard after that, or where the QEMU guest agent runs none, at
 * most 100. One that only waits for its turn is not among them.
 */
export async function unheardCommands(db: Db, before: Date): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT c."id" FROM "Command" c LEFT JOIN "Guest" g ON g."machineId" = c."vmId"
    WHERE c."status" = 'QUEUED' AND c."createdAt" < ${before}::timestamptz
      AND CASE WHEN c."transport" = 'AGENT' THEN g."seenAt" IS NULL OR g."seenAt" < ${before}::timestamptz
        ELSE NOT EXISTS (SELECT 1 FROM "Command" r WHERE r."vmId" = c."vmId" AND r."status" = 'RUNNING'
          AND r."transport" = c."transport") END
    LIMIT 100`;
  return rows.map(({ id }) => id);
}
