import { z } from 'zod';
import { lockRow } from '../../db/lockRow.js';
import type { Pool } from '../../db/pools.js';
import { countWaiting } from '../../db/queue.js';
import { Conflict, NotFound } from '../../domain/errors.js';
import { field, prose } from '../../domain/prose.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { aName } from '../fields.js';

/** What it had stays on record. Its row is held against claims, which would queue beneath it. */
export const deletePool = defineAction({
  name: 'deletePool',
  description:
    'Deletes a pool. Refused while it has VMs, or requests wait for one. Its line, and what happened in it, stay.',
  permission: 'pool:manage',
  input: z.strictObject({ pool: aName().describe('Name of the pool.') }),
  about: 'Which pool.',
  refusals: ['NOT_FOUND', 'CONFLICT'],
  run({ write }: Pick<ActionContext, 'write'>, { pool: name }) {
    return write(
      async (tx, tell) => {
        const known = await tx.pool.findUnique({ where: { name }, select: { id: true } });
        const pool = known && (await lockRow<Pool>(tx, 'Pool', known.id));
        if (pool === null) return new NotFound('pool', name);
        const { id: poolId, vmType } = pool;
        const live = await tx.vm.count({ where: { poolId, cleanedAt: null } });
        const queued = (await countWaiting(tx, [poolId])).get(poolId) ?? 0;
        if (live > 0 || queued > 0)
          return new Conflict(
            `pool ${name} has ${live} VMs that are not gone yet, and ${queued} requests wait for one`,
            prose`Set its ${field('hotSpares')} to 0, release its VMs and cancel the requests; delete it when they are gone.`,
          );
        await tx.pool.delete({ where: { id: poolId } });
        tell({ kind: 'POOL_DELETED', vmType, poolId, data: { pool: name } });
        return pool;
      },
      { makesRoom: true },
    );
  },
});
