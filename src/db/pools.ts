import { backOffMs } from '../domain/pool.js';
import type { Pool } from '../generated/prisma/client.js';
import type { Db, Tx } from './client.js';
import { lockRow } from './lockRow.js';
import type { Vm } from './vms.js';

export type { Pool };

export function getPool(db: Db | Tx, id: string): Promise<Pool | null> {
  return db.pool.findUnique({ where: { id } });
}

/**
 * The pool with its row held until the transaction ends, so that sums over it do not overtake each other. A claim, which needs no more than
 * that the pool stays, does not wait for this.
 */
export function lockPool(tx: Tx, id: string): Promise<Pool | null> {
  return lockRow(tx, 'Pool', id, 'NO KEY UPDATE');
}

/** By id: what these pools are called. One that was deleted is not in it. */
export async function poolNames(db: Db | Tx, ids: readonly string[]): Promise<Map<string, string>> {
  const pools = await db.pool.findMany({ where: { id: { in: [...new Set(ids)] } }, select: { id: true, name: true } });
  return new Map(pools.map(({ id, name }) => [id, name]));
}

/** The ids of the pools that clone from this image's line. */
export async function poolsOfImage(db: Db, goldenImageId: string): Promise<string[]> {
  const where = { line: { images: { some: { id: goldenImageId } } } };
  return (await db.pool.findMany({ where, select: { id: true } })).map(({ id }) => id);
}

/** Spares that break within this time after others got ready are failures in a row: the image gets ready and does not last. */
const STEADY_MINUTES = 10;

/** A pool that nothing keeps from growing: what did is over. */
export const AFRESH = { retryAt: null, failures: 0, blocked: null };

/** A VM of this pool became ready, or all are: it grows again. After a time without a broken spare the back-off starts from its beginning. */
export async function poolRecovered(tx: Tx, id: string): Promise<void> {
  await tx.$executeRaw`
    UPDATE "Pool" SET "retryAt" = NULL, "blocked" = NULL, "failures" = CASE WHEN EXISTS (
        SELECT 1 FROM "Vm" WHERE "poolId" = ${id}::uuid AND "status" = 'FAILED' AND "readyAt" IS NOT NULL AND "assignedAt" IS NULL
          AND "changedAt" > now() - make_interval(mins => ${STEADY_MINUTES}::int)) THEN "failures" ELSE 0 END
    WHERE "id" = ${id}::uuid AND "failures" > 0`;
}

/** A VM of this pool broke in nobody's hands: the pool rests, longer each time, and says why. */
export async function poolFailed(
  tx: Tx,
  { poolId, readyAt }: Pick<Vm, 'poolId' | 'readyAt'>,
  reason: string,
  now: Date,
): Promise<void> {
  const pool = await lockPool(tx, poolId);
  if (pool === null) return;
  // A host that lost power breaks all its spares at once, which says nothing about the image.
  const together = readyAt !== null && pool.retryAt !== null && pool.retryAt > now;
  const failures = pool.failures + (together ? 0 : 1);
  const retryAt = new Date(now.getTime() + backOffMs(failures));
  const blocked = `${failures} VM(s) in a row broke before they were handed out, the last one: ${reason}`;
  await tx.pool.update({ where: { id: poolId }, data: { failures, retryAt, blocked } });
}
