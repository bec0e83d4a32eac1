import type { Pool } from '../db/pools.js';
import { Conflict, type InvalidInput, NotFound } from '../domain/errors.js';
import type { ActionContext } from './context.js';
import { checked, nameOf } from './input.js';

/**
 * Deletes a pool that has no VM and for which nobody waits. What it had stays on record. Its row is held against claims, which would queue
 * beneath it.
 */
export async function deletePool(
  { write }: Pick<ActionContext, 'write'>,
  given: { pool: string },
): Promise<Pool | InvalidInput | NotFound | Conflict> {
  const name = checked(() => nameOf('pool', given.pool));
  if (name instanceof Error) return name;
  return write(
    async (tx, tell) => {
      await tx.$executeRaw`SELECT 1 FROM "Pool" WHERE "name" = ${name} FOR UPDATE`;
      const pool = await tx.pool.findUnique({ where: { name } });
      if (pool === null) return new NotFound('pool', name);
      const { id: poolId, vmType } = pool;
      const live = await tx.vm.count({ where: { poolId, cleanedAt: null } });
      const queued = await tx.assignment.count({ where: { poolId, status: 'QUEUED' } });
      if (live > 0 || queued > 0)
        return new Conflict(
          `pool ${name} has ${live} VMs that are not gone yet, and ${queued} requests wait for one`,
          'Set its hotSpares to 0, release its VMs and cancel the requests; delete it when they are gone.',
        );
      await tx.pool.delete({ where: { id: poolId } });
      tell({ kind: 'POOL_DELETED', vmType, poolId, data: { pool: name } });
      return pool;
    },
    { makesRoom: true },
  );
}
