import type { Deps } from './deps.js';

/**
 * Notes why the pool does not grow, for people to read; null: it does, unless its VMs break, which stays noted until one
 * becomes ready. Told once, when it changes.
 */
export async function blockPool(
  { write, log }: Pick<Deps, 'write' | 'log'>,
  vmType: string,
  why: string | null,
): Promise<void> {
  const changed = await write(async (tx, tell) => {
    const { count } = await tx.pool.updateMany({
      where: {
        vmType,
        ...(why === null
          ? { blocked: { not: null }, failures: 0 }
          : { OR: [{ blocked: null }, { blocked: { not: why } }] }),
      },
      data: { blocked: why },
    });
    if (count === 0) return false;
    tell({
      kind: why === null ? 'POOL_CHANGED' : 'POOL_BLOCKED',
      vmType,
      ...(why !== null && { reason: why }),
    });
    return true;
  });
  if (changed && why !== null) log.warn({ vmType, why }, 'pool is blocked');
}
