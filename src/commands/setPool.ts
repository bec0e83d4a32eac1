import { lockPool } from '../db/pools.js';
import { InvalidInput, NotFound } from '../domain/errors.js';
import { vmTypeFacts } from '../domain/vmTypes.js';
import type { Pool } from '../generated/prisma/client.js';
import type { CommandDeps } from './deps.js';
import { ensurePool } from './ensurePool.js';
import { checked, vmTypeOf, wholeNumberOf } from './input.js';

export interface SetPoolInput {
  vmType: string;
  hotSpares?: number | undefined;
  maxVms?: number | undefined;
  /** Null: what the golden image was made with. Holds for VMs that are made from now on. */
  cpuCores?: number | null | undefined;
  ramMiB?: number | null | undefined;
  /** Each VM gets a computer name that no living VM has. Holds for VMs that are not ready yet. */
  uniqueComputerNames?: boolean | undefined;
}

/** Changes what is given and leaves the rest; makes the pool when it is not there. The reconciler grows or shrinks it. */
export async function setPool(deps: CommandDeps, given: SetPoolInput): Promise<Pool | InvalidInput> {
  const input = checked(() => {
    const vmType = vmTypeOf(given.vmType);
    const limit = deps.portCount;
    return {
      vmType,
      ...(given.hotSpares !== undefined && { hotSpares: wholeNumberOf('hotSpares', given.hotSpares, 0, limit) }),
      ...(given.maxVms !== undefined && { maxVms: wholeNumberOf('maxVms', given.maxVms, 0, limit) }),
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
  return deps.write(async (tx, tell) => {
    await ensurePool(tx, deps, vmType);
    const before = await lockPool(tx, vmType);
    if (before === null) throw new Error(`pool ${vmType} is not there although it was made`);
    const hotSpares = data.hotSpares ?? before.hotSpares;
    const maxVms = data.maxVms ?? before.maxVms;
    if (hotSpares > maxVms)
      return new InvalidInput('hotSpares', String(hotSpares), `It must not be above maxVms (${maxVms}).`);
    const pool = await tx.pool.update({ where: { vmType }, data });
    tell({ kind: 'POOL_CHANGED', actor: 'api', vmType, data: { hotSpares, maxVms } });
    return pool;
  });
}

/** Makes the pool look again now, even where it rests after failures. Undefined vmType: every pool. */
export async function ensureHotSpares(
  { write }: Pick<CommandDeps, 'write'>,
  given: { vmType?: string | undefined },
): Promise<Pool[] | NotFound | InvalidInput> {
  const vmType = given.vmType;
  const wanted = vmType === undefined ? undefined : checked(() => vmTypeOf(vmType));
  if (wanted instanceof Error) return wanted;
  return write(async (tx, tell) => {
    const where = wanted === undefined ? {} : { vmType: wanted };
    const pools = await tx.pool.updateManyAndReturn({ where, data: { retryAt: null, failures: 0, blocked: null } });
    if (wanted !== undefined && pools.length === 0) return new NotFound('pool', wanted);
    for (const pool of pools)
      tell({ kind: 'POOL_CHANGED', actor: 'api', vmType: pool.vmType, reason: 'asked to refill' });
    return pools;
  });
}
