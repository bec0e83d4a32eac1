import { randomUUID } from 'node:crypto';
import type { Db } from '../../../src/db/client.js';
import type { GoldenImage, Pool, Prisma, Vm } from '../../../src/generated/prisma/client.js';
import { aLine } from '../../support/rows.js';

export async function aPool(db: Db, vmType = '11', also: Partial<Prisma.PoolUncheckedCreateInput> = {}): Promise<Pool> {
  const { id: lineId } = await aLine(db, { vmType });
  const row = { name: vmType, lineId, vmType, hotSpares: 2, maxVms: 20, ...also };
  await db.pool.createMany({ data: [row], skipDuplicates: true });
  return db.pool.findUniqueOrThrow({ where: { name: vmType } });
}

/** A golden image, READY and current unless told otherwise. */
export async function anImage(
  db: Db,
  given: Partial<Prisma.GoldenImageUncheckedCreateInput> = {},
): Promise<GoldenImage> {
  const vmType = given.vmType ?? '11';
  const { lineId } = await aPool(db, vmType);
  const status = given.status ?? 'READY';
  const ready = status === 'READY' || status === 'RETIRED';
  const version = (await db.goldenImage.count({ where: { vmType } })) + 1;
  return db.goldenImage.create({
    data: {
      id: randomUUID(),
      lineId,
      vmType,
      version,
      name: `Windows ${vmType}`,
      current: status === 'READY' && (await db.goldenImage.count({ where: { vmType, current: true } })) === 0,
      cpuCores: 2,
      ramMiB: 4096,
      diskGiB: 64,
      language: 'en',
      ...(ready && { sizeBytes: 10n, sha256: 'ab', readyAt: new Date() }),
      ...(status === 'FAILED' && { reason: 'broken' }),
      ...given,
      status,
    },
  });
}

let nextPort = 20_001;

/** A VM, a READY hot spare with an endpoint and a container unless told otherwise. Its golden image is made where there is none. */
export async function aVm(db: Db, given: Partial<Prisma.VmUncheckedCreateInput> = {}): Promise<Vm> {
  const vmType = given.vmType ?? '11';
  const image =
    (await db.goldenImage.findFirst({ where: { vmType, current: true } })) ?? (await anImage(db, { vmType }));
  const status = given.status ?? 'READY';
  const id = randomUUID();
  return db.vm.create({
    data: {
      id,
      poolId: (await aPool(db, vmType)).id,
      vmType,
      goldenImageId: image.id,
      hotSpare: status !== 'ASSIGNED',
      endpoint: status === 'REQUESTED' || status === 'DESTROYED' ? null : String(nextPort++),
      engineId: status === 'REQUESTED' ? null : `container-of-${id}`,
      cpuCores: 2,
      ramMiB: 4096,
      ...(status === 'READY' && { readyAt: new Date() }),
      ...(status === 'ASSIGNED' && { assignedTo: 'somebody', assignedAt: new Date() }),
      ...(status === 'FAILED' && { reason: 'broken' }),
      ...(status === 'DESTROYED' && { cleanedAt: new Date() }),
      ...given,
      status,
    },
  });
}
