import type { Tx } from '../../db/client.js';
import type { Pool } from '../../db/pools.js';
import type { ImageLine } from '../../generated/prisma/client.js';
import type { ActionContext } from '../context.js';

/** The line of this name. Made, of this vmType, unless it is there; then it may be of another. */
export async function ensureLine(tx: Tx, name: string, vmType: string): Promise<ImageLine> {
  await tx.imageLine.createMany({ data: [{ name, vmType }], skipDuplicates: true });
  return tx.imageLine.findUniqueOrThrow({ where: { name } });
}

/** The pool of this name. Made, with the configured defaults, unless it is there; then it may clone from another line. */
export async function ensurePool(
  tx: Tx,
  deps: Pick<ActionContext, 'defaults' | 'allotment'>,
  name: string,
  { id: lineId, vmType }: ImageLine,
): Promise<Pool> {
  const maxVms = Math.min(deps.defaults.maxVms, deps.allotment?.ids.length ?? Number.POSITIVE_INFINITY);
  const hotSpares = Math.min(deps.defaults.hotSpares, maxVms);
  await tx.pool.createMany({ data: [{ name, lineId, vmType, hotSpares, maxVms }], skipDuplicates: true });
  return tx.pool.findUniqueOrThrow({ where: { name } });
}
