import type { Db } from './client.js';

/** VMs whose lease has run out, oldest first, at most 100. */
export async function expiredLeases(db: Db, now: Date): Promise<string[]> {
  const rows = await db.assignment.findMany({
    where: { status: 'FULFILLED', leaseExpiresAt: { lte: now } },
    orderBy: { leaseExpiresAt: 'asc' },
    take: 100,
    select: { vmId: true },
  });
  return rows.flatMap((row) => row.vmId ?? []);
}
