import { silentVms } from '../db/sightings.js';
import { imageStep } from '../domain/image.js';
import { vmStep } from '../domain/vm.js';
import type { Listed, MachineRef } from '../provisioner/provisioner.js';
import { type Deps, sinceLed } from './deps.js';

/** What a sweep found to do. */
export interface Sweep {
  /** Rows that need a step. */
  vmIds: string[];
  imageIds: string[];
  poolIds: string[];
  /** Machines that carry our mark but have no row that may own them. */
  orphans: MachineRef[];
}

/**
 * Compares all rows with all that the engine shows, in a few queries and one listing, however many VMs there are. The listing
 * comes first: a row is always written before its machine is made, so a machine that is listed has its row by then.
 */
export async function sweep(deps: Deps): Promise<Sweep> {
  const { db, provisioner, now, bootTimeoutMs, installTimeoutMs } = deps;
  const listed = new Map<string, Listed>();
  for (const item of await provisioner.list()) listed.set(`${item.ref.kind}:${item.ref.id}`, item);
  const [vms, images, pools, silent] = await Promise.all([
    db.vm.findMany({
      where: { cleanedAt: null },
      select: { id: true, status: true, changedAt: true, cleanedAt: true, notReady: true },
    }),
    db.goldenImage.findMany({
      where: { cleanedAt: null },
      select: { id: true, status: true, changedAt: true, cleanedAt: true, problem: true },
    }),
    db.pool.findMany({ select: { id: true } }),
    silentVms(db, deps.readiness === 'agent'),
  ]);
  const unexplained = () => '';
  const at = now();
  const vmIds = vms
    .filter((vm) => {
      const facts = { ...sinceLed(vm, deps), silentMs: silent.get(vm.id) };
      return vmStep(facts, listed.get(`vm:${vm.id}`)?.machine, at, bootTimeoutMs, unexplained).do !== 'nothing';
    })
    .map(({ id }) => id);
  const imageIds = images
    .filter(
      (image) =>
        imageStep(
          sinceLed(image, deps),
          listed.get(`golden:${image.id}`)?.machine,
          at,
          installTimeoutMs,
          unexplained,
          deps.readiness === 'agent',
        ).do !== 'nothing',
    )
    .map(({ id }) => id);
  for (const { id, status, problem } of images) {
    if (status !== 'READY') continue;
    // One that can't be looked at is left to its own step, which says why, once: it does not hold up the rest.
    const isNews = await provisioner.goldenProblem(id).then(
      (now) => (now ?? null) !== problem,
      () => true,
    );
    if (isNews) imageIds.push(id);
  }
  // READY and RETIRED images rest in their own folders: what is listed for them is left over from their installation.
  const owned = new Set([
    ...vms.map(({ id }) => `vm:${id}`),
    ...images.filter(({ status }) => status !== 'READY' && status !== 'RETIRED').map(({ id }) => `golden:${id}`),
  ]);
  const orphans = [...listed].filter(([key]) => !owned.has(key)).map(([, { ref }]) => ref);
  return { vmIds, imageIds, poolIds: pools.map(({ id }) => id), orphans };
}
