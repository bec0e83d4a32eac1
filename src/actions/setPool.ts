import type { Tx } from '../db/client.js';
import { AFRESH, lockPool } from '../db/pools.js';
import { lockVm } from '../db/vms.js';
import { Conflict, InvalidInput, NotFound } from '../domain/errors.js';
import type { Tell } from '../domain/events.js';
import { LIMITS } from '../domain/limits.js';
import { vmTypeFacts } from '../domain/vmTypes.js';
import type { Pool } from '../generated/prisma/client.js';
import { release } from '../transitions/release.js';
import type { ActionContext } from './context.js';
import { checked, nameOf, wholeNumberOf } from './input.js';
import { type PoolGiven, poolOf, refuseVmType } from './poolNamed.js';
import { poolToSet } from './poolToSet.js';

export interface SetPoolInput extends PoolGiven {
  /** What its VMs are cloned from. Those of another line are replaced, or live on until they are released. */
  line?: string | undefined;
  hotSpares?: number | undefined;
  maxVms?: number | undefined;
  /** Null: what the golden image was made with. Holds for VMs that are made from now on. */
  cpuCores?: number | null | undefined;
  ramMiB?: number | null | undefined;
  /** Each VM gets a computer name that no living VM has. Spares that are ready without one are replaced. */
  uniqueComputerNames?: boolean | undefined;
}

/** Changes what is given and leaves the rest; makes the pool when it is not there. The reconciler grows or shrinks it. */
export async function setPool(
  deps: ActionContext,
  given: SetPoolInput,
): Promise<Pool | InvalidInput | NotFound | Conflict> {
  const input = checked(() => {
    const limit = deps.allotment?.ids.length ?? LIMITS.poolVms.value;
    const why = deps.allotment?.limit;
    return {
      ref: poolOf(given),
      line: given.line === undefined ? undefined : nameOf('line', given.line),
      ...(given.hotSpares !== undefined && { hotSpares: wholeNumberOf('hotSpares', given.hotSpares, 0, limit, why) }),
      ...(given.maxVms !== undefined && { maxVms: wholeNumberOf('maxVms', given.maxVms, 0, limit, why) }),
      ...(given.uniqueComputerNames !== undefined && { uniqueComputerNames: given.uniqueComputerNames }),
      ...(given.cpuCores !== undefined && {
        cpuCores: given.cpuCores === null ? null : wholeNumberOf('cpuCores', given.cpuCores, 1, 256),
      }),
    };
  });
  if (input instanceof Error) return input;
  const { ref, line, ...others } = input;
  const set = deps.write(
    async (tx, tell) => {
      const found = await poolToSet(tx, deps, ref, line);
      if (found instanceof Error) throw found;
      const { id, lineId } = found;
      const before = await lockPool(tx, id);
      if (before === null) return new NotFound('pool', ref.name);
      const ramMiB = checked(() => ramMiBOf(given.ramMiB, before.vmType));
      if (ramMiB instanceof Error) throw ramMiB;
      const data = { ...others, lineId, ...(ramMiB !== undefined && { ramMiB }) };
      const hotSpares = data.hotSpares ?? before.hotSpares;
      const maxVms = data.maxVms ?? before.maxVms;
      if (hotSpares > maxVms)
        throw new InvalidInput('hotSpares', String(hotSpares), `It must not be above maxVms (${maxVms}).`);
      // What kept it from growing may have been what is changed here, so it is tried anew; an order that changes nothing ends no rest.
      const changes = Object.entries(data).some(([key, value]) => value !== before[key as keyof typeof data]);
      const pool = await tx.pool.update({ where: { id }, data: { ...data, ...(changes && AFRESH) } });
      tell({ kind: 'POOL_CHANGED', vmType: pool.vmType, poolId: id, data: { hotSpares, maxVms } });
      if (pool.uniqueComputerNames && !before.uniqueComputerNames) await replaceSpares(tx, tell, id);
      return pool;
    },
    { makesRoom: true },
  );
  // Thrown, so that what was made for it is not there.
  return set.catch((err: unknown) => {
    if (err instanceof InvalidInput || err instanceof NotFound || err instanceof Conflict) return err;
    throw err;
  });
}

function ramMiBOf(given: number | null | undefined, vmType: string): number | null | undefined {
  return given == null ? given : wholeNumberOf('ramMiB', given, vmTypeFacts(vmType)?.minRamMiB ?? 512, 1_048_576);
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

/** Makes the pool look again now, even where it rests after failures. Where none is named: every pool. */
export async function ensureHotSpares(
  { write }: Pick<ActionContext, 'write'>,
  given: PoolGiven,
): Promise<Pool[] | NotFound | InvalidInput> {
  const isEvery = given.pool === undefined && given.vmType === undefined;
  const ref = isEvery ? undefined : checked(() => poolOf(given));
  if (ref instanceof Error) return ref;
  return write(async (tx, tell) => {
    const pool = ref && (await tx.pool.findUnique({ where: { name: ref.name } }));
    if (pool === null) return new NotFound('pool', ref?.name ?? '');
    const refusal = pool && refuseVmType(pool, ref.vmType);
    if (refusal) return refusal;
    const pools = await tx.pool.updateManyAndReturn({ where: pool ? { id: pool.id } : {}, data: AFRESH });
    for (const { id: poolId, vmType } of pools)
      tell({ kind: 'POOL_CHANGED', vmType, poolId, reason: 'asked to refill' });
    return pools;
  });
}
