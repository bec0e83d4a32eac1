import { z } from 'zod';
import type { Tx } from '../../db/client.js';
import { AFRESH, lockPool } from '../../db/pools.js';
import { lockVm } from '../../db/vms.js';
import { InvalidInput, NotFound } from '../../domain/errors.js';
import type { Tell } from '../../domain/events.js';
import { LIMITS } from '../../domain/limits.js';
import { field, prose } from '../../domain/prose.js';
import { vmTypeFacts } from '../../domain/vmTypes.js';
import { release } from '../../transitions/release.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { aName, cpuCores, described, poolFields, ramMiB, VM_TYPE, wholeNumber } from '../fields.js';
import { parseInput } from '../parseInput.js';
import { poolOf } from './poolNamed.js';
import { poolToSet } from './poolToSet.js';

const MAX_VMS = field('maxVms');

/** A number of VMs; how many there may be is the server's to say. */
const vms = () => z.int('Give a whole number.').min(0, 'Give 0 or more.');

export const setPool = defineAction({
  name: 'setPool',
  description: 'Changes a pool; makes it when it is not there.',
  permission: 'pool:manage',
  input: z.strictObject({
    ...poolFields,
    line: aName()
      .optional()
      .meta(
        described`Name of the line of golden images that its VMs are cloned from; spares of another line are replaced. A new pool has that of the ${VM_TYPE} unless it is given another.`,
      ),
    hotSpares: vms().optional().meta(described`How many ready VMs to keep in store; at most ${MAX_VMS}.`),
    maxVms: vms().optional().describe('How many VMs there may be at a time.'),
    cpuCores: cpuCores()
      .nullish()
      .describe('Virtual processors of VMs made from now on; null: as the golden image has.'),
    ramMiB: ramMiB().nullish().describe('Memory in MiB of VMs made from now on; null: as the golden image has.'),
    uniqueComputerNames: z
      .boolean()
      .optional()
      .describe(
        'Give each VM a computer name that no living VM has: it restarts once before it is ready. Spares that are ready already are replaced. Needs the agent.',
      ),
  }),
  about: 'What to change; what is left out stays.',
  refusals: ['NOT_FOUND', 'CONFLICT'],
  async run(context: ActionContext, given) {
    const { allotment } = context;
    const share = wholeNumber(0, allotment?.ids.length ?? LIMITS.poolVms.value, allotment?.limit).optional();
    const refusal = beyond({ hotSpares: share, maxVms: share }, given);
    if (refusal) return refusal;
    const { pool: _pool, vmType: _vmType, line, ...rest } = given;
    const ref = poolOf(given);
    const others = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as Defined<
      typeof rest
    >;
    return context.write(
      async (tx, tell) => {
        const found = await poolToSet(tx, context, ref, line);
        if (found instanceof Error) return found;
        const { id, lineId } = found;
        const before = await lockPool(tx, id);
        if (before === null) return new NotFound('pool', ref.name);
        const tooSmall = beyond({ ramMiB: ramMiB(vmTypeFacts(before.vmType)?.minRamMiB).nullish() }, given);
        if (tooSmall) return tooSmall;
        // The line as it was read before the row was held is nobody's wish.
        const data = { ...others, ...(line !== undefined && { lineId }) };
        const hotSpares = data.hotSpares ?? before.hotSpares;
        const maxVms = data.maxVms ?? before.maxVms;
        if (hotSpares > maxVms)
          return new InvalidInput('hotSpares', String(hotSpares), prose`It must not be above ${MAX_VMS} (${maxVms}).`);
        // What kept it from growing may have been what is changed here, so it is tried anew; an order that changes nothing ends no rest.
        const changes = Object.entries(data).some(([key, value]) => value !== before[key as keyof typeof data]);
        const pool = await tx.pool.update({ where: { id }, data: { ...data, ...(changes && AFRESH) } });
        tell({ kind: 'POOL_CHANGED', vmType: pool.vmType, poolId: id, data: { hotSpares, maxVms } });
        if (pool.uniqueComputerNames && !before.uniqueComputerNames) await replaceSpares(tx, tell, id);
        return pool;
      },
      { makesRoom: true },
    );
  },
});

type Defined<T> = { [Field in keyof T]?: Exclude<T[Field], undefined> };

/** What this server, or this Windows, does not allow. */
function beyond(ranges: z.ZodRawShape, given: unknown): InvalidInput | undefined {
  const parsed = parseInput(z.object(ranges), given);
  return parsed instanceof Error ? parsed : undefined;
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
