import { randomUUID } from 'node:crypto';
import type { Db } from '../../src/db/client.js';
import type { GoldenImage, ImageLine, Pool, Prisma, Vm } from '../../src/generated/prisma/client.js';

/** A line, named after its vmType unless told otherwise, unless it is there. */
export async function aLine(
  db: Db,
  { vmType = '11', name = vmType }: { vmType?: string; name?: string } = {},
): Promise<ImageLine> {
  await db.imageLine.createMany({ data: [{ name, vmType }], skipDuplicates: true });
  return db.imageLine.findUniqueOrThrow({ where: { name } });
}

/** A pool, the default one of its vmType unless told otherwise, unless it is there. */
export async function aPool(
  db: Db,
  { vmType = '11', name = vmType, ...over }: Partial<Prisma.PoolUncheckedCreateInput> = {},
): Promise<Pool> {
  const lineId = over.lineId ?? (await aLine(db, { vmType })).id;
  const row = { name, vmType, lineId, hotSpares: 0, maxVms: 100 };
  await db.pool.createMany({ data: [row], skipDuplicates: true });
  return db.pool.update({ where: { name }, data: over });
}

/** A sealed golden image that is current, with its pool. */
export async function anImage(
  db: Db,
  over: Partial<Prisma.GoldenImageUncheckedCreateInput> = {},
): Promise<GoldenImage> {
  const vmType = over.vmType ?? '11';
  const lineId = over.lineId ?? (await aPool(db, { vmType })).lineId;
  const { _max } = await db.goldenImage.aggregate({ where: { lineId }, _max: { version: true } });
  const status = over.status ?? 'READY';
  return db.goldenImage.create({
    data: {
      id: randomUUID(),
      lineId,
      vmType,
      version: (_max.version ?? 0) + 1,
      name: 'test image',
      status,
      current: status === 'READY' && (await db.goldenImage.count({ where: { lineId, current: true } })) === 0,
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
let nextPort = 20_001;

/**
 * A VM of the current image (made when there is none): a ready hot spare, unless told otherwise, with an engine's id and an endpoint where one
 * of its status has them.
 */
export async function aVm(db: Db, over: Partial<Prisma.VmUncheckedCreateInput> = {}): Promise<Vm> {
  const vmType = over.vmType ?? '11';
  const { id: poolId, lineId } = await (over.poolId === undefined
    ? aPool(db, { vmType })
    : db.pool.findUniqueOrThrow({ where: { id: over.poolId } }));
  const goldenImageId =
    over.goldenImageId ??
    ((await db.goldenImage.findFirst({ where: { lineId, current: true } })) ?? (await anImage(db, { lineId, vmType })))
      .id;
  const { id = randomUUID(), status = 'READY' } = over;
  const assigned = status === 'ASSIGNED';
  const cleanedAt = over.cleanedAt ?? (status === 'DESTROYED' ? new Date() : null);
  return db.vm.create({
    data: {
      id,
      poolId,
      vmType,
      goldenImageId,
      status,
      hotSpare: !assigned,
      cpuCores: 2,
      ramMiB: 4096,
      cleanedAt,
      ...(status !== 'REQUESTED' && cleanedAt === null
        ? { endpoint: String(nextPort++), engineId: `container-of-${id}` }
        : {}),
      ...(status === 'READY' || assigned ? { readyAt: new Date(Date.UTC(2026, 0, 1, 0, 0, readySeconds++)) } : {}),
      ...(assigned ? { assignedTo: 'somebody', assignedAt: new Date() } : {}),
      ...(status === 'FAILED' ? { reason: 'made to fail' } : {}),
      ...over,
    },
  });
}
