import { randomUUID } from 'node:crypto';
import { currentImage, lockImage } from '../db/images.js';
import { lockPool } from '../db/pools.js';
import type { Vm } from '../db/vms.js';
import {
  type CapacityExhausted,
  Conflict,
  type InvalidInput,
  type NoGoldenImage,
  NotFound,
  Unavailable,
} from '../domain/errors.js';
import { sizesOf } from '../domain/pool.js';
import { madeBy } from '../domain/principal.js';
import type { ActionContext } from './context.js';
import { checked } from './input.js';
import { noImageOf, type PoolGiven, poolNamed, poolOf } from './poolNamed.js';

/** Asks for a VM outside the pool of spares: nobody else is given it; it lives until it is released or destroyed. */
export async function createVm(
  deps: ActionContext,
  given: PoolGiven,
): Promise<Vm | InvalidInput | NotFound | NoGoldenImage | Unavailable | CapacityExhausted | Conflict> {
  const ref = checked(() => poolOf(given));
  if (ref instanceof Error) return ref;
  const known = await poolNamed(deps.db, ref);
  if (known instanceof Error) return known;
  const current = await currentImage(deps.db, known.lineId);
  if (current === null) return noImageOf(known);
  if (current.problem !== null)
    return new Unavailable(
      'storage',
      current.problem,
      'Put the files back as they were, or make a new golden image and retire this one.',
    );
  const refusal = await deps.admit({ kind: 'clone', ...sizesOf(current, known) });
  if (refusal) return refusal;
  return deps.write(async (tx, tell) => {
    // Holds both rows, so two callers can't both take the last place, and the image is not retired meanwhile.
    const pool = await lockPool(tx, known.id);
    const image = await lockImage(tx, current.id);
    if (pool === null) return new NotFound('pool', known.name);
    if (image?.status !== 'READY') return noImageOf(known);
    const { id: poolId, vmType } = pool;
    const live = await tx.vm.count({ where: { poolId, cleanedAt: null } });
    if (live >= pool.maxVms) {
      return new Conflict(
        `pool ${pool.name} has ${live} VMs, as many as its maxVms allows`,
        'Release a VM, or raise maxVms of the pool.',
      );
    }
    const { cpuCores, ramMiB } = sizesOf(image, pool);
    const vm = await tx.vm.create({
      data: {
        id: randomUUID(),
        poolId,
        vmType,
        goldenImageId: image.id,
        hotSpare: false,
        cpuCores,
        ramMiB,
        ...madeBy(deps.by),
      },
    });
    tell({ kind: 'VM_REQUESTED', vmType, vmId: vm.id, goldenImageId: image.id });
    return vm;
  });
}
