import type { Deps } from './deps.js';

/**
 * Notes why the pool does not grow, for people to read; null: it does, unless its VMs break, which stays noted until one
 * becomes ready. Told once, when it changes.
 */
export async function blockPool(
  { write, log }: Pick<Deps, 'write' | 'log'>,
  poolId: string,
  why: string | null,
): Promise<void> {
  const blocked = await write(async (tx, tell) => {
    const [pool] = await tx.pool.updateManyAndReturn({
      where: {
        id: poolId,
        ...(why === null
          ? { blocked: { not: null }, failures: 0 }
          : { OR: [{ blocked: null }, { blocked: { not: why } }] }),
      },
      data: { blocked: why },
    });
    if (pool === undefined) return undefined;
    tell({
      kind: why === null ? 'POOL_CHANGED' : 'POOL_BLOCKED',
      vmType: pool.vmType,
      poolId,
      ...(why !== null && { reason: why }),
    });
    return pool;
  });
  if (blocked && why !== null) log.warn({ pool: blocked.name, why }, 'pool is blocked');
}
