import type { Read } from '../../db/reads.js';
import { type InvalidInput, NotFound } from '../../domain/errors.js';
import { type PoolGiven, refuseVmType } from './poolNamed.js';

/** Which rows and events are of a pool, or of a vmType; a pool has one, so that is not to be looked at as well. */
export async function poolFilter(
  read: Read,
  { pool: name, vmType }: PoolGiven,
): Promise<{ poolId?: string; vmType?: string } | NotFound | InvalidInput> {
  if (name === undefined) return vmType === undefined ? {} : { vmType };
  const pool = await read((db) => db.pool.findUnique({ where: { name } }));
  if (pool === null) return new NotFound('pool', name);
  return refuseVmType(pool, vmType ?? null) ?? { poolId: pool.id };
}
