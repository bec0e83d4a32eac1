import { z } from 'zod';
import { AFRESH } from '../../db/pools.js';
import { NotFound } from '../../domain/errors.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { aName, vmType as aVmType, described, VM_TYPE, VM_TYPE_DESCRIPTION } from '../fields.js';
import { poolOf, refuseVmType } from './poolNamed.js';

export const ensureHotSpares = defineAction({
  name: 'ensureHotSpares',
  description: 'Makes pools look again now whether spares are missing, even where they rest after failures.',
  permission: 'pool:manage',
  input: z.strictObject({
    pool: aName().optional().meta(described`Name of the pool. Left out, and no ${VM_TYPE} given: every pool.`),
    vmType: aVmType().optional().describe(`${VM_TYPE_DESCRIPTION} Its default pool is meant.`),
  }),
  about: 'Which pools.',
  refusals: ['NOT_FOUND'],
  run({ write }: Pick<ActionContext, 'write'>, given) {
    const isEvery = given.pool === undefined && given.vmType === undefined;
    const ref = isEvery ? undefined : poolOf(given);
    return write(async (tx, tell) => {
      const pool = ref && (await tx.pool.findUnique({ where: { name: ref.name } }));
      if (pool === null) return new NotFound('pool', ref?.name ?? '');
      const refusal = pool && refuseVmType(pool, ref.vmType);
      if (refusal) return refusal;
      const pools = await tx.pool.updateManyAndReturn({ where: pool ? { id: pool.id } : {}, data: AFRESH });
      for (const { id: poolId, vmType } of pools)
        tell({ kind: 'POOL_CHANGED', vmType, poolId, reason: 'asked to refill' });
      return pools;
    });
  },
});
