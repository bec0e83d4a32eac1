import { randomUUID } from 'node:crypto';
import { currentImage } from '../db/images.js';
import type { Vm } from '../db/vms.js';
import { CapacityExhausted, type InvalidInput, NoGoldenImage, type Unavailable } from '../domain/errors.js';
import type { CommandDeps } from './deps.js';
import { ensurePool } from './ensurePool.js';
import { checked, vmTypeOf } from './input.js';

/** Asks for a VM outside the pool of spares: nobody else is given it; it lives until it is released or destroyed. */
export async function createVm(
  deps: CommandDeps,
  given: { vmType: string },
): Promise<Vm | InvalidInput | NoGoldenImage | Unavailable | CapacityExhausted> {
  const vmType = checked(() => vmTypeOf(given.vmType));
  if (vmType instanceof Error) return vmType;
  const image = await currentImage(deps.db, vmType);
  if (image === null) return new NoGoldenImage(vmType);
  const refusal = await deps.admit({
    kind: 'clone',
    cpuCores: image.cpuCores,
    ramMiB: image.ramMiB,
    diskGiB: image.diskGiB,
  });
  if (refusal) return refusal;
  return deps.write(async (tx, tell) => {
    await ensurePool(tx, deps, vmType);
    // Holds the row, so two callers can't both take the last place.
    const [pool] = await tx.$queryRaw<{ maxVms: number; cpuCores: number | null; ramMiB: number | null }[]>`
      SELECT "maxVms", "cpuCores", "ramMiB" FROM "Pool" WHERE "vmType" = ${vmType} FOR UPDATE`;
    const live = await tx.vm.count({ where: { vmType, cleanedAt: null } });
    if (pool === undefined || live >= pool.maxVms) {
      return new CapacityExhausted(
        'ports',
        `pool ${vmType} has ${live} VMs, as many as its maxVms allows`,
        'Release a VM, or raise maxVms with setPool.',
      );
    }
    const vm = await tx.vm.create({
      data: {
        id: randomUUID(),
        vmType,
        goldenImageId: image.id,
        hotSpare: false,
        cpuCores: pool.cpuCores ?? image.cpuCores,
        ramMiB: pool.ramMiB ?? image.ramMiB,
      },
    });
    tell({ kind: 'VM_REQUESTED', actor: 'api', vmType, vmId: vm.id, goldenImageId: image.id });
    return vm;
  });
}
