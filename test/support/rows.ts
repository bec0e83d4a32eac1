import { randomUUID } from 'node:crypto';
import type { Db } from '../../src/db/client.js';
import type { GoldenImage, Prisma, Vm } from '../../src/generated/prisma/client.js';

/** A pool, unless it is there. */
export async function aPool(db: Db, over: Partial<Prisma.PoolUncheckedCreateInput> = {}): Promise<void> {
  const { vmType = '11', ...rest } = over;
  await db.pool.createMany({ data: [{ vmType, hotSpares: 0, maxVms: 100 }], skipDuplicates: true });
  await db.pool.update({ where: { vmType }, data: rest });
}

/** A sealed golden image that is current, with its pool. */
export async function anImage(
  db: Db,
  over: Partial<Prisma.GoldenImageUncheckedCreateInput> = {},
): Promise<GoldenImage> {
  const vmType = over.vmType ?? '11';
  await aPool(db, { vmType });
  const { _max } = await db.goldenImage.aggregate({ where: { vmType }, _max: { version: true } });
  const status = over.status ?? 'READY';
  return db.goldenImage.create({
    data: {
      id: randomUUID(),
      vmType,
      version: (_max.version ?? 0) + 1,
      name: 'test image',
      status,
      current: status === 'READY' && (await db.goldenImage.count({ where: { vmType, current: true } })) === 0,
      cpuCores: 2,
      ramMiB: 4096,
      diskGiB: 64,
      language: 'en',
      containerImage: 'test',
      ...(status === 'READY' || status === 'RETIRED'
        ? { sizeBytes: 1n, sha256: '0'.repeat(64), readyAt: new Date() }
        : {}),
      ...(status === 'FAILED' ? { reason: 'made to fail' } : {}),
      ...over,
    },
  });
}

let readySeconds = 0;

/** A VM of the current image (made when there is none): a ready hot spare, unless told otherwise. */
export async function aVm(db: Db, over: Partial<Prisma.VmUncheckedCreateInput> = {}): Promise<Vm> {
  const vmType = over.vmType ?? '11';
  const goldenImageId =
    over.goldenImageId ??
    ((await db.goldenImage.findFirst({ where: { vmType, current: true } })) ?? (await anImage(db, { vmType }))).id;
  const status = over.status ?? 'READY';
  const assigned = status === 'ASSIGNED';
  return db.vm.create({
    data: {
      id: randomUUID(),
      vmType,
      goldenImageId,
      status,
      hotSpare: !assigned,
      cpuCores: 2,
      ramMiB: 4096,
      ...(status === 'READY' || assigned ? { readyAt: new Date(Date.UTC(2026, 0, 1, 0, 0, readySeconds++)) } : {}),
      ...(assigned ? { assignedTo: 'somebody', assignedAt: new Date() } : {}),
      ...(status === 'FAILED' ? { reason: 'made to fail' } : {}),
      ...(status === 'DESTROYED' ? { cleanedAt: new Date() } : {}),
      ...over,
    },
  });
}
