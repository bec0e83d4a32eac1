import type { Tx } from '../db/client.js';
import type { ActionContext } from './context.js';

/** Makes the pool of this vmType, with the configured defaults, unless it is there. */
export async function ensurePool(
  tx: Tx,
  deps: Pick<ActionContext, 'defaults' | 'allotment'>,
  vmType: string,
): Promise<void> {
  const maxVms = Math.min(deps.defaults.maxVms, deps.allotment?.ids.length ?? Number.POSITIVE_INFINITY);
  const hotSpares = Math.min(deps.defaults.hotSpares, maxVms);
  await tx.pool.createMany({ data: [{ vmType, hotSpares, maxVms }], skipDuplicates: true });
}
