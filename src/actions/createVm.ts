import { randomUUID } from 'node:crypto';
import { currentImage, lockImage } from '../db/images.js';
import { lockPool } from '../db/pools.js';
import type { Vm } from '../db/vms.js';
import { type CapacityExhausted, Conflict, type InvalidInput, NoGoldenImage, Unavailable } from '../domain/errors.js';
import { sizesOf } from '../domain/pool.js';
import { madeBy } from '../domain/principal.js';
import type { ActionContext } from './context.js';
import { checked, vmTypeOf } from './input.js';

/** Asks for a VM outside the pool of spares: nobody else is given it; it lives until it is released or destroyed. */
export async function createVm(
  deps: ActionContext,
  given: { vmType: string },
): Promise<Vm | InvalidInput | NoGoldenImage | Unavailable | CapacityExhausted | Conflict> {
  const vmType = checked(() => vmTypeOf(given.vmType));
  if (vmType instanceof Error) return vmType;
  const known = await deps.db.pool.findUnique({ where: { name: vmType } });
  const current = known && (await currentImage(deps.db, known.lineId));
  if (known === null || current === null) return new NoGoldenImage(vmType);
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
    if (pool === null || image?.status !== 'READY') return new NoGoldenImage(vmType);
    const live = await tx.vm.count({ where: { poolId: pool.id, cleanedAt: null } });
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
        poolId: pool.id,
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
