import type { Tx } from '../db/client.js';
import { AFRESH, lockPool } from '../db/pools.js';
import { lockVm } from '../db/vms.js';
import { InvalidInput, NotFound } from '../domain/errors.js';
import type { Tell } from '../domain/events.js';
import { LIMITS } from '../domain/limits.js';
import { vmTypeFacts } from '../domain/vmTypes.js';
import type { Pool } from '../generated/prisma/client.js';
import { release } from '../transitions/release.js';
import type { ActionContext } from './context.js';
import { ensurePool } from './ensurePool.js';
import { checked, vmTypeOf, wholeNumberOf } from './input.js';

export interface SetPoolInput {
  vmType: string;
  hotSpares?: number | undefined;
  maxVms?: number | undefined;
  /** Null: what the golden image was made with. Holds for VMs that are made from now on. */
  cpuCores?: number | null | undefined;
  ramMiB?: number | null | undefined;
  /** Each VM gets a computer name that no living VM has. Spares that are ready without one are replaced. */
  uniqueComputerNames?: boolean | undefined;
}

/** Changes what is given and leaves the rest; makes the pool when it is not there. The reconciler grows or shrinks it. */
export async function setPool(deps: ActionContext, given: SetPoolInput): Promise<Pool | InvalidInput> {
  const input = checked(() => {
    const vmType = vmTypeOf(given.vmType);
    const limit = deps.allotment?.ids.length ?? LIMITS.poolVms.value;
    const why = deps.allotment?.limit;
    return {
      vmType,
      ...(given.hotSpares !== undefined && { hotSpares: wholeNumberOf('hotSpares', given.hotSpares, 0, limit, why) }),
      ...(given.maxVms !== undefined && { maxVms: wholeNumberOf('maxVms', given.maxVms, 0, limit, why) }),
      ...(given.uniqueComputerNames !== undefined && { uniqueComputerNames: given.uniqueComputerNames }),
      ...(given.cpuCores !== undefined && {
        cpuCores: given.cpuCores === null ? null : wholeNumberOf('cpuCores', given.cpuCores, 1, 256),
      }),
      ...(given.ramMiB !== undefined && {
        ramMiB:
          given.ramMiB === null
            ? null
            : wholeNumberOf('ramMiB', given.ramMiB, vmTypeFacts(vmType)?.minRamMiB ?? 512, 1_048_576),
      }),
    };
  });
  if (input instanceof Error) return input;
  const { vmType, ...data } = input;
  return deps.write(
    async (tx, tell) => {
      const { id } = await ensurePool(tx, deps, vmType);
      const before = await lockPool(tx, id);
      if (before === null) throw new Error(`pool ${vmType} is not there although it was made`);
      const hotSpares = data.hotSpares ?? before.hotSpares;
      const maxVms = data.maxVms ?? before.maxVms;
      if (hotSpares > maxVms)
        return new InvalidInput('hotSpares', String(hotSpares), `It must not be above maxVms (${maxVms}).`);
      // What kept it from growing may have been what is changed here, so it is tried anew; an order that changes nothing ends no rest.
      const changes = Object.entries(data).some(([key, value]) => value !== before[key as keyof typeof data]);
      const pool = await tx.pool.update({ where: { id }, data: { ...data, ...(changes && AFRESH) } });
      tell({ kind: 'POOL_CHANGED', vmType, poolId: id, data: { hotSpares, maxVms } });
      if (pool.uniqueComputerNames && !before.uniqueComputerNames) await replaceSpares(tx, tell, id);
      return pool;
    },
    { makesRoom: true },
  );
}

/** Ready spares were never asked for a name of their own. */
async function replaceSpares(tx: Tx, tell: Tell, poolId: string): Promise<void> {
  const spares = await tx.vm.findMany({ where: { poolId, status: 'READY', hotSpare: true }, select: { id: true } });
  for (const { id } of spares) {
    const vm = await lockVm(tx, id);
    if (vm?.status === 'READY' && vm.hotSpare)
      await release(tx, tell, vm, 'its pool now wants a computer name of its own for each VM');
  }
}

/** Makes the pool look again now, even where it rests after failures. Undefined vmType: every pool. */
export async function ensureHotSpares(
  { write }: Pick<ActionContext, 'write'>,
  given: { vmType?: string | undefined },
): Promise<Pool[] | NotFound | InvalidInput> {
  const vmType = given.vmType;
  const wanted = vmType === undefined ? undefined : checked(() => vmTypeOf(vmType));
  if (wanted instanceof Error) return wanted;
  return write(async (tx, tell) => {
    const where = wanted === undefined ? {} : { name: wanted };
    const pools = await tx.pool.updateManyAndReturn({ where, data: AFRESH });
    if (wanted !== undefined && pools.length === 0) return new NotFound('pool', wanted);
    for (const { id: poolId, vmType } of pools)
      tell({ kind: 'POOL_CHANGED', vmType, poolId, reason: 'asked to refill' });
    return pools;
  });
}
