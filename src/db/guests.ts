import type { VmStatus } from '../domain/vm.js';
import type { Guest } from '../generated/prisma/client.js';
import type { Db, Tx } from './client.js';

export type { Guest };

export function getGuest(db: Db | Tx, machineId: string): Promise<Guest | null> {
  return db.guest.findUnique({ where: { machineId } });
}

/** A VM and its guest with their rows held until the transaction ends; undefined: its guest was never heard. */
export async function lockVmAndGuest(tx: Tx, vmId: string): Promise<{ status: VmStatus; session: string } | undefined> {
  const [held] = await tx.$queryRaw<{ status: VmStatus; session: string }[]>`
    SELECT v."status", g."session" FROM "Vm" v JOIN "Guest" g ON g."machineId" = v."id"
    WHERE v."id" = ${vmId}::uuid FOR UPDATE`;
  return held;
}

/** What the guests of these machines said of themselves; one that never called in is not in it. */
export async function guestsOf(db: Db | Tx, machineIds: readonly string[]): Promise<Map<string, Guest>> {
  const rows = await db.guest.findMany({ where: { machineId: { in: [...machineIds] } } });
  return new Map(rows.map((row) => [row.machineId, row]));
}

/** What one report says; what is left out was not said. */
export interface GuestFacts {
  agent?: string | undefined;
  windows?: string | undefined;
  build?: string | undefined;
  computer?: string | undefined;
  machineGuid?: string | undefined;
  userName?: string | undefined;
  ip?: string | undefined;
  codePage?: number | undefined;
  clockSkewMs?: number | undefined;
}

/** As far as its column goes: 24 days. */
const MOST_SKEW_MS = 2_147_483_647;

/**
 * Notes a report. A session that was not there before is one more start of the agent; what it did not say is unknown then. Answers how
 * many starts were heard. One statement: each VM that becomes ready waits for it.
 */
export async function noteGuest(tx: Tx, machineId: string, session: string, facts: GuestFacts): Promise<number> {
  const { agent, windows, build, computer, machineGuid, userName, ip, codePage, clockSkewMs } = facts;
  const skewMs =
    clockSkewMs === undefined ? null : Math.max(-MOST_SKEW_MS, Math.min(MOST_SKEW_MS, Math.round(clockSkewMs)));
  const [noted] = await tx.$queryRaw<{ sessions: number }[]>`
    INSERT INTO "Guest" AS g ("machineId", "session", "agent", "windows", "build", "computer", "machineGuid", "userName", "ip", "codePage",
      "clockSkewMs", "seenAt")
    VALUES (${machineId}::uuid, ${session}, ${agent ?? null}, ${windows ?? null}, ${build ?? null}, ${computer ?? null},
      ${machineGuid ?? null}, ${userName ?? null}, ${ip ?? null}, ${codePage ?? null}::int, ${skewMs}::int, ${tx.clock.now()}::timestamptz)
    ON CONFLICT ("machineId") DO UPDATE SET "session" = excluded."session", "agent" = excluded."agent", "windows" = excluded."windows",
      "build" = excluded."build", "computer" = excluded."computer", "machineGuid" = excluded."machineGuid",
      "userName" = excluded."userName", "ip" = excluded."ip", "codePage" = excluded."codePage",
      "clockSkewMs" = excluded."clockSkewMs", "seenAt" = excluded."seenAt",
      "sessions" = g."sessions" + CASE WHEN g."session" = excluded."session" THEN 0 ELSE 1 END
    RETURNING "sessions"`;
  return noted?.sessions ?? 0;
}

/**
 * Notes that these machines called in so many ms ago, in one statement however many. Where the word of a guest `counts`, its VM was
 * seen alive then.
 */
export async function guestsSeen(db: Db, agesMs: ReadonlyMap<string, number>, counts: boolean): Promise<void> {
  const rows = JSON.stringify([...agesMs].map(([id, ageMs]) => ({ id, ageMs })));
  await db.$executeRaw`
    WITH seen AS (
      SELECT "id", now() - "ageMs" * interval '1 ms' AS "at"
      FROM jsonb_to_recordset(${rows}::jsonb) AS s("id" uuid, "ageMs" float8)
    ), guests AS (
      UPDATE "Guest" SET "seenAt" = seen."at" FROM seen
      WHERE "Guest"."machineId" = seen."id" AND "Guest"."seenAt" < seen."at"
    )
    UPDATE "Sighting" SET "at" = seen."at" FROM seen
    WHERE ${counts} AND "Sighting"."vmId" = seen."id" AND "Sighting"."at" < seen."at"`;
}

/** A living VM other than this one whose guest has this computer name. Windows tells names apart by 15 characters, whatever their case. */
export async function vmWithComputerName(tx: Tx, name: string, exceptVmId: string): Promise<string | undefined> {
  const [other] = await tx.$queryRaw<{ id: string }[]>`
    SELECT v."id" FROM "Vm" v JOIN "Guest" g ON g."machineId" = v."id"
    WHERE v."status" IN ('REQUESTED', 'BOOTING', 'READY', 'ASSIGNED') AND v."id" <> ${exceptVmId}::uuid
      AND lower(left(g."computer", 15)) = lower(left(${name}, 15)) LIMIT 1`;
  return other?.id;
}

/** The new names that this VM's guest was told to take, oldest first, each with the number of the agent's start that was told. */
export async function renamesOf(tx: Tx, vmId: string): Promise<{ name: string; start: number }[]> {
  const told = await tx.event.findMany({
    where: { vmId, kind: 'VM_NOT_READY' },
    orderBy: { seq: 'asc' },
    select: { data: true },
  });
  return told.flatMap(({ data }) => {
    const { rename, start } = data as { rename?: unknown; start?: unknown };
    return typeof rename === 'string' && typeof start === 'number' ? [{ name: rename, start }] : [];
  });
}
