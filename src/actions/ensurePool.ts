import type { Tx } from '../db/client.js';
import type { Pool } from '../db/pools.js';
import type { ActionContext } from './context.js';

/** The default pool of this vmType. Made, with the line that it clones from and the configured defaults, unless it is there. */
export async function ensurePool(
  tx: Tx,
  deps: Pick<ActionContext, 'defaults' | 'allotment'>,
  vmType: string,
): Promise<Pool> {
  const maxVms = Math.min(deps.defaults.maxVms, deps.allotment?.ids.length ?? Number.POSITIVE_INFINITY);
  const hotSpares = Math.min(deps.defaults.hotSpares, maxVms);
  await tx.imageLine.createMany({ data: [{ name: vmType, vmType }], skipDuplicates: true });
  const { id: lineId } = await tx.imageLine.findUniqueOrThrow({ where: { name: vmType } });
  await tx.pool.createMany({ data: [{ name: vmType, lineId, vmType, hotSpares, maxVms }], skipDuplicates: true });
  return tx.pool.findUniqueOrThrow({ where: { name: vmType } });
}
