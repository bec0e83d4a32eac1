import type { Tx } from '../../db/client.js';
import { holdLock } from '../../db/locks.js';
import type { Pool } from '../../db/pools.js';
import { Conflict, InvalidInput, NotFound } from '../../domain/errors.js';
import { LIMITS } from '../../domain/limits.js';
import { DEFAULT_VM_TYPE, mayBear } from '../../domain/names.js';
import { prose } from '../../domain/prose.js';
import { vmTypeFacts } from '../../domain/vmTypes.js';
import type { ActionContext } from '../context.js';
import { VM_TYPE } from '../fields.js';
import { ensureLine, ensurePool } from './ensurePool.js';
import { type PoolRef, refuseVmType } from './poolNamed.js';

/** The pool that is to be changed, with the line that it is to have. Made when it is not there; the line must be, but for that of a vmType. */
export async function poolToSet(
  tx: Tx,
  deps: Pick<ActionContext, 'defaults' | 'allotment'>,
  { name, vmType }: PoolRef,
  lineName: string | undefined,
): Promise<{ id: string; lineId: string } | InvalidInput | NotFound | Conflict> {
  const known = await tx.pool.findUnique({ where: { name } });
  const refusal = known && refuseVmType(known, vmType);
  if (refusal) return refusal;
  if (known !== null && lineName === undefined) return known;
  const wanted = lineName ?? vmType ?? DEFAULT_VM_TYPE;
  const line =
    vmTypeFacts(wanted) === undefined
      ? await tx.imageLine.findUnique({ where: { name: wanted } })
      : await ensureLine(tx, wanted, wanted);
  if (line === null) return new NotFound('image line', wanted);
  const mustBe = known?.vmType ?? vmType ?? line.vmType;
  if (line.vmType !== mustBe)
    return new InvalidInput(
      'line',
      wanted,
      prose`It is of ${VM_TYPE} ${line.vmType}, the pool of ${mustBe}: give another.`,
    );
  return known === null ? makePool(tx, deps, name, line) : { id: known.id, lineId: line.id };
}

async function makePool(
  tx: Tx,
  deps: Pick<ActionContext, 'defaults' | 'allotment'>,
  name: string,
  line: Parameters<typeof ensurePool>[3],
): Promise<Pool | InvalidInput | Conflict> {
  if (!mayBear(name, line.vmType))
    return new InvalidInput(
      'pool',
      name,
      prose`It is the name of a ${VM_TYPE}, which ${line.vmType} is not: give another.`,
    );
  await holdLock(tx, 'names');
  if ((await tx.pool.count()) >= LIMITS.pools.value)
    return new Conflict(`there are ${LIMITS.pools.value} pools, as many as there may be`, 'Delete one first.');
  return ensurePool(tx, deps, name, line);
}
