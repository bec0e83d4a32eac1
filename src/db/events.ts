import type { Event, NewEvent } from '../domain/events.js';
import type { Principal } from '../domain/principal.js';
import { Prisma } from '../generated/prisma/client.js';
import type { Db, Tx } from './client.js';
import { LOCKS } from './locks.js';

/**
 * Appends to the log; returns the last `seq`. Only `write` calls this, as the last statement of a transaction: the lock
 * is held until the commit, so whoever draws a later seq also commits later, and a reader's cursor can't step over an
 * event that commits late. The numbers are drawn after the lock is held, because the rows come out of a join with it. What happened to
 * a VM happened in its pool: that is looked up before the lock is waited for, since it comes out of a count of those rows, and every
 * other transaction that tells something waits while it is held. One by one, by the key: of a join Postgres makes a read of all VMs.
 */
export async function append(tx: Tx, events: readonly (NewEvent & { by: Principal })[]): Promise<bigint> {
  const rows = JSON.stringify(
    events.map((e) => ({
      kind: e.kind,
      vmType: e.vmType ?? null,
      poolId: e.poolId ?? null,
      vmId: e.vmId ?? null,
      goldenImageId: e.goldenImageId ?? null,
      assignmentId: e.assignmentId ?? null,
      actor: e.by.actor,
      principalId: e.by.id,
      principalName: e.by.name,
      reason: e.reason ?? null,
      data: e.data ?? {},
    })),
  );
  const appended = await tx.$queryRaw<{ seq: bigint }[]>(Prisma.sql`
    WITH told AS MATERIALIZED (
      SELECT e."kind", e."vmType", coalesce(e."poolId", (SELECT "poolId" FROM "Vm" WHERE "id" = e."vmId")), e."vmId", e."goldenImageId",
        e."assignmentId", e."actor", e."principalId", e."principalName", e."reason", e."data"
      FROM jsonb_to_recordset(${rows}::jsonb) AS e("kind" text, "vmType" text, "poolId" uuid, "vmId" uuid, "goldenImageId" uuid,
        "assignmentId" uuid, "actor" text, "principalId" text, "principalName" text, "reason" text, "data" jsonb)
    ), held AS MATERIALIZED (
      SELECT pg_advisory_xact_lock(${LOCKS.events}::bigint) FROM (SELECT count(*) AS "n" FROM told) AS counted WHERE "n" > 0
    )
    INSERT INTO "Event" ("at", "kind", "vmType", "poolId", "vmId", "goldenImageId", "assignmentId", "actor",
      "principalId", "principalName", "reason", "data")
    SELECT clock_timestamp(), told.* FROM held, told
    RETURNING "seq"`);
  return appended.reduce((last, { seq }) => (seq > last ? seq : last), 0n);
}

/** Which events; everything that is given must hold. */
export interface EventFilter {
  vmId?: string;
  goldenImageId?: string;
  assignmentId?: string;
  /** Which has one vmType: then that is not to be named as well. */
  poolId?: string;
  vmType?: string;
  kinds?: readonly string[];
}

/**
 * At most `limit` events after `seq`, oldest first. Reads no more of the log than it answers, whatever the filter: a page of what is
 * rare must not read all.
 */
export async function eventsAfter(db: Db, seq: bigint, limit: number, filter: EventFilter = {}): Promise<Event[]> {
  const { kinds, ...exact } = filter;
  const { vmId, goldenImageId, assignmentId, poolId, vmType } = exact;
  const isOfOne = vmId !== undefined || goldenImageId !== undefined || assignmentId !== undefined;
  // One thing has few events, of which its index gives all; a kind, a pool or a vmType may have most of the log, or next to nothing.
  const many =
    poolId !== undefined
      ? { column: Prisma.sql`"poolId"`, value: Prisma.sql`${poolId}::uuid` }
      : vmType !== undefined
        ? { column: Prisma.sql`"vmType"`, value: Prisma.sql`${vmType}` }
        : undefined;
  if (!isOfOne && kinds) return ofKinds(db, seq, limit, kinds, many);
  if (!isOfOne && many !== undefined) return ofMany(db, seq, limit, many);
  const rows = await db.event.findMany({
    where: { seq: { gt: seq }, ...exact, ...(kinds && { kind: { in: [...kinds] } }) },
    orderBy: { seq: 'asc' },
    take: limit,
  });
  return rows as Event[];
}

/*
 * The planner guesses how common a value is, and where it guesses wrong it reads the log in its order and leaves out nearly all. So these
 * two name places in an index, from which on and up to which, and its order, which no other index has: whatever it guesses, it takes
 * the right one.
 */

/** Those of a pool, or a vmType. */
interface Many {
  column: Prisma.Sql;
  value: Prisma.Sql;
}

function ofMany(db: Db, seq: bigint, limit: number, { column, value }: Many): Promise<Event[]> {
  return db.$queryRaw<Event[]>(Prisma.sql`
    SELECT * FROM "Event" WHERE (${column}, "seq") > (${value}, ${seq}) AND ${column} <= ${value}
    ORDER BY ${column}, "seq" LIMIT ${limit}`);
}

/** The first of each kind, put into one order: an index does not give several kinds in order. */
function ofKinds(db: Db, seq: bigint, limit: number, kinds: readonly string[], of?: Many): Promise<Event[]> {
  const perKind =
    of === undefined
      ? Prisma.sql`("kind", "seq") > (k."name", ${seq}) AND "kind" <= k."name" ORDER BY "kind", "seq"`
      : Prisma.sql`(${of.column}, "kind", "seq") > (${of.value}, k."name", ${seq})
          AND (${of.column}, "kind") <= (${of.value}, k."name") ORDER BY ${of.column}, "kind", "seq"`;
  return db.$queryRaw<Event[]>(Prisma.sql`
    SELECT e.* FROM (SELECT DISTINCT unnest(${[...kinds]}::text[]) AS "name") AS k
    CROSS JOIN LATERAL (SELECT * FROM "Event" WHERE ${perKind} LIMIT ${limit}) AS e
    ORDER BY e."seq" LIMIT ${limit}`);
}

/** The seq of the newest event, 0 when there is none. */
export async function lastSeq(db: Db): Promise<bigint> {
  // Not an aggregate: Prisma's reads the whole log for it.
  const last = await db.event.findFirst({ orderBy: { seq: 'desc' }, select: { seq: true } });
  return last?.seq ?? 0n;
}

/** The seq after which there are at most `count` events. */
export async function seqBeforeNewest(db: Db, count: number): Promise<bigint> {
  const before = await db.event.findFirst({ orderBy: { seq: 'desc' }, skip: count, select: { seq: true } });
  return before?.seq ?? 0n;
}
