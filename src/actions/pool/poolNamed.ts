import type { Db, Tx } from '../../db/client.js';
import { InvalidInput, NoGoldenImage, NotFound } from '../../domain/errors.js';
import { DEFAULT_VM_TYPE } from '../../domain/names.js';
import { prose } from '../../domain/prose.js';
import type { ImageLine, Pool } from '../../generated/prisma/client.js';
import { VM_TYPE } from '../fields.js';

/** How callers name a pool: by its name, or by a vmType, whose default pool bears its name. */
export interface PoolGiven {
  pool?: string | undefined;
  vmType?: string | undefined;
}

/** Which pool is meant. Where a vmType was given as well, it must be of that. */
export interface PoolRef {
  name: string;
  vmType: string | null;
}

export function poolOf({ pool, vmType }: PoolGiven): PoolRef {
  if (pool !== undefined) return { name: pool, vmType: vmType ?? null };
  const name = vmType ?? DEFAULT_VM_TYPE;
  return { name, vmType: name };
}

/** The pool, or why there is none. A default pool comes into being with the first golden image of its vmType. */
export async function poolNamed(
  db: Db | Tx,
  { name, vmType }: PoolRef,
): Promise<(Pool & { line: ImageLine }) | NotFound | InvalidInput | NoGoldenImage> {
  const pool = await db.pool.findUnique({ where: { name }, include: { line: true } });
  if (pool !== null) return refuseVmType(pool, vmType) ?? pool;
  const hadImages = (await db.imageLine.count({ where: { name } })) > 0;
  return name === vmType && !hadImages ? new NoGoldenImage(vmType) : new NotFound('pool', name);
}

/** The refusal of a vmType that is not the pool's. */
export function refuseVmType(pool: Pick<Pool, 'name' | 'vmType'>, vmType: string | null): InvalidInput | undefined {
  if (vmType === null || vmType === pool.vmType) return undefined;
  return new InvalidInput(
    'vmType',
    vmType,
    prose`The pool ${pool.name} is of ${VM_TYPE} ${pool.vmType}: leave ${VM_TYPE} out.`,
  );
}

export function noImageOf({ vmType, line }: { vmType: string; line: { name: string } }): NoGoldenImage {
  return new NoGoldenImage(vmType, line.name);
}
