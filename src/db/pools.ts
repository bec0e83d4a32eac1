import { backOffMs } from '../domain/pool.js';
import type { Pool } from '../generated/prisma/client.js';
import type { Tx } from './client.js';

/** The pool with its row held until the transaction ends, so that sums over it do not overtake each other. */
export async function lockPool(tx: Tx, vmType: string): Promise<Pool | null> {
  await tx.$executeRaw`SELECT 1 FROM "Pool" WHERE "vmType" = ${vmType} FOR UPDATE`;
  return tx.pool.findUnique({ where: { vmType } });
}

/** A VM of this pool became ready: the next failure starts the back-off from its beginning. */
export async function poolRecovered(tx: Tx, vmType: string): Promise<void> {
  await tx.pool.updateMany({
    where: { vmType, failures: { gt: 0 } },
    data: { failures: 0, retryAt: null, blocked: null },
  });
}

/** A VM of this pool broke before it was ready: the pool rests, longer each time, and says why. */
export async function poolFailed(tx: Tx, vmType: string, reason: string, now: Date): Promise<void> {
  const { failures } = await tx.pool.update({ where: { vmType }, data: { failures: { increment: 1 } } });
  const retryAt = new Date(now.getTime() + backOffMs(failures));
  const blocked = `${failures} VM(s) in a row broke before they were ready, the last one: ${reason}`;
  await tx.pool.update({ where: { vmType }, data: { retryAt, blocked } });
}
