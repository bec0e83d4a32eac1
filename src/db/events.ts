import type { Event, NewEvent } from '../domain/events.js';
import { Prisma } from '../generated/prisma/client.js';
import type { Db, Tx } from './client.js';
import { LOCKS } from './locks.js';

/**
 * Appends to the log; returns the last `seq`. Only `write` calls this, as the last statement of a transaction: the lock
 * is held until the commit, so whoever draws a later seq also commits later, and a reader's cursor can't step over an
 * event that commits late. The numbers are drawn after the lock is held, because the rows come out of a join with it.
 */
export async function append(tx: Tx, events: readonly NewEvent[]): Promise<bigint> {
  const rows = JSON.stringify(
    events.map((e) => ({
      kind: e.kind,
      vmType: e.vmType ?? null,
      vmId: e.vmId ?? null,
      goldenImageId: e.goldenImageId ?? null,
      assignmentId: e.assignmentId ?? null,
      actor: e.actor,
      reason: e.reason ?? null,
      data: e.data ?? {},
    })),
  );
  const appended = await tx.$queryRaw<{ seq: bigint }[]>(Prisma.sql`
    WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock(${LOCKS.events}::bigint))
    INSERT INTO "Event" ("at", "kind", "vmType", "vmId", "goldenImageId", "assignmentId", "actor", "reason", "data")
    SELECT clock_timestamp(), e."kind", e."vmType", e."vmId", e."goldenImageId", e."assignmentId", e."actor", e."reason", e."data"
    FROM held, jsonb_to_recordset(${rows}::jsonb) AS e("kind" text, "vmType" text, "vmId" uuid, "goldenImageId" uuid,
      "assignmentId" uuid, "actor" text, "reason" text, "data" jsonb)
    RETURNING "seq"`);
  return appended.reduce((last, { seq }) => (seq > last ? seq : last), 0n);
}

/** Which events; everything that is given must hold. */
export interface EventFilter {
  vmId?: string;
  goldenImageId?: string;
  assignmentId?: string;
  vmType?: string;
  kinds?: readonly string[];
}

/** At most `limit` events after `seq`, oldest first. */
export async function eventsAfter(db: Db, seq: bigint, limit: number, filter: EventFilter = {}): Promise<Event[]> {
  const { kinds, ...exact } = filter;
  const rows = await db.event.findMany({
    where: { seq: { gt: seq }, ...exact, ...(kinds && { kind: { in: [...kinds] } }) },
    orderBy: { seq: 'asc' },
    take: limit,
  });
  return rows as Event[];
}

/** The seq of the newest event, 0 when there is none. */
export async function lastSeq(db: Db): Promise<bigint> {
  const { _max } = await db.event.aggregate({ _max: { seq: true } });
  return _max.seq ?? 0n;
}
