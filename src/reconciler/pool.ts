import { randomUUID } from 'node:crypto';
import { serveQueue } from '../db/assignments.js';
import type { Tx } from '../db/client.js';
import { currentImage } from '../db/images.js';
import { getPool, lockPool, type Pool, poolRecovered } from '../db/pools.js';
import { countWaiting } from '../db/queue.js';
import type { Tell } from '../domain/events.js';
import { poolPlan, sizesOf } from '../domain/pool.js';
import { madeBy, RECONCILER } from '../domain/principal.js';
import { blockPool } from './blockPool.js';
import type { Deps } from './deps.js';
import { releaseIf } from './releaseIf.js';

/** Most assignments that one transaction serves. */
const BATCH = 64;

/** Serves those who wait, then makes the pool as large as it should be. */
export async function reconcilePool(deps: Deps, poolId: string): Promise<void> {
  const pool = await getPool(deps.db, poolId);
  if (pool === null) return;
  try {
    await serve(deps, pool);
  } finally {
    // A pool that can't give may shrink all the same: on a full disk that is what makes room.
    await resize(deps, poolId);
  }
}

async function serve({ db, write }: Deps, pool: Pool): Promise<void> {
  while ((await countWaiting(db, [pool.id])).size > 0) {
    const served = await write((tx, tell) => serveQueue(tx, pool, BATCH, tell));
    if (served < BATCH) break;
  }
}

async function resize(deps: Deps, poolId: string): Promise<void> {
  const { write } = deps;
  const seen = await write((tx) => planOf(deps, tx, poolId), { makesRoom: true });
  if (seen === undefined) return;
  // Somebody may have been given one of them since the plan was made: it is no spare then.
  for (const id of seen.retire) await releaseIf(deps, id, ({ hotSpare }) => hotSpare, 'not needed');
  const { why } = seen.add === 0 ? seen : await write((tx, tell) => grow(deps, tx, tell, poolId));
  if (why !== undefined) await blockPool(deps, poolId, why);
}

/** What the pool is short of or has too many of, with its row held; undefined: there is no such pool. */
async function planOf({ now }: Deps, tx: Tx, poolId: string) {
  const pool = await lockPool(tx, poolId);
  if (pool === null) return undefined;
  const image = await currentImage(tx, pool.lineId);
  const queued = (await countWaiting(tx, [poolId])).get(poolId) ?? 0;
  const rows = await tx.vm.findMany({
    where: { poolId, cleanedAt: null },
    select: {
      id: true,
      status: true,
      hotSpare: true,
      goldenImageId: true,
      cleanedAt: true,
      createdAt: true,
      goldenImage: { select: { status: true, lineId: true } },
    },
  });
  const vms = rows.map(({ goldenImage, ...vm }) => ({
    ...vm,
    current: vm.goldenImageId === image?.id,
    retired: goldenImage.status !== 'READY' || goldenImage.lineId !== pool.lineId,
  }));
  const plan = poolPlan({ ...pool, queued, vms });
  const allReady = plan.short === 0 && vms.every((vm) => !vm.hotSpare || vm.status === 'READY');
  if (pool.failures > 0 && allReady) await poolRecovered(tx, poolId);
  const found = { ...plan, pool, image };
  if (image === null) {
    const { name } = await tx.imageLine.findUniqueOrThrow({ where: { id: pool.lineId } });
    return { ...found, add: 0, why: plan.add > 0 ? `no golden image of ${name} is ready` : null };
  }
  if (image.problem !== null) return { ...found, add: 0, why: image.problem };
  // Rests after failures; why is written on the pool already.
  if (pool.retryAt !== null && pool.retryAt > now()) return { ...found, add: 0, why: undefined };
  const waiting = vms.some((vm) => vm.status === 'REQUESTED') || plan.add > 0;
  const full = plan.short > plan.add ? `its limit of ${pool.maxVms} VMs is reached` : null;
  // While VMs wait to be started, what holds them up is noted by whoever starts them.
  return { ...found, why: full ?? (waiting ? undefined : null) };
}

/** Asks for what is missing by now. */
async function grow(deps: Deps, tx: Tx, tell: Tell, poolId: string): Promise<{ why: string | null | undefined }> {
  const plan = await planOf(deps, tx, poolId);
  if (!plan?.image) return { why: undefined };
  const { pool, image, add, why } = plan;
  const { cpuCores, ramMiB } = sizesOf(image, pool);
  const { vmType } = pool;
  for (let n = 0; n < add; n++) {
    const vm = await tx.vm.create({
      data: {
        id: randomUUID(),
        poolId,
        vmType,
        goldenImageId: image.id,
        hotSpare: true,
        ...madeBy(RECONCILER),
        cpuCores,
        ramMiB,
      },
    });
    tell({ kind: 'VM_REQUESTED', vmType, vmId: vm.id, goldenImageId: image.id });
  }
  return { why };
}
