/** How many VMs a pool is short of or has too many of, counting those already on their way. Pure. */
import type { VmStatus } from './vm.js';

export interface PoolVm {
  id: string;
  status: VmStatus;
  hotSpare: boolean;
  /** Cloned from the image that new spares use. */
  current: boolean;
  /** Cloned from an image that was retired: it is not handed out any more. */
  retired: boolean;
  cleanedAt: Date | null;
  createdAt: Date;
}

export interface PoolPlan {
  /** Spares that are missing, and how many of them there is room for. */
  short: number;
  add: number;
  /** Unassigned spares to let go, least useful first. */
  retire: string[];
}

const ON_THE_WAY: readonly VmStatus[] = ['REQUESTED', 'BOOTING', 'READY'];
const LEAVING: readonly VmStatus[] = ['RELEASING', 'FAILED'];

/**
 * `queued` is the number of assignments that wait for a VM: each needs one more than the target.
 * Everything that may still hold a container or a disk counts against `maxVms`.
 */
export function poolPlan(pool: { hotSpares: number; maxVms: number; queued: number; vms: PoolVm[] }): PoolPlan {
  const wanted = pool.hotSpares + pool.queued;
  const live = pool.vms.filter((vm) => vm.cleanedAt === null).length;
  const spares = pool.vms
    .filter((vm) => vm.hotSpare && ON_THE_WAY.includes(vm.status))
    .toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || a.id.localeCompare(b.id));
  const fresh = spares.filter((vm) => vm.current);
  const old = spares.filter((vm) => !vm.current);

  const short = Math.max(0, wanted - fresh.length);
  const room = Math.max(0, pool.maxVms - live);
  const add = Math.min(short, room);

  // A spare of a replaced image goes when a ready one of the current image stands in for it. Where the quota is full, one goes to
  // make room, and no more until its successor is ready: a broken new image costs one spare. A retired image's spares go at once.
  const freshReady = fresh.filter((vm) => vm.status === 'READY').length;
  const oldKept = old.filter((vm) => !vm.retired);
  const replaced = Math.max(0, oldKept.length - Math.max(0, wanted - freshReady));
  const underWay =
    freshReady < fresh.length || pool.vms.some((vm) => vm.cleanedAt === null && LEAVING.includes(vm.status));
  const inTheWay = !underWay && short > room && replaced < oldKept.length ? 1 : 0;
  const surplus = Math.max(0, fresh.length - wanted);
  const leastUseful = fresh.toSorted(
    (a, b) =>
      ON_THE_WAY.indexOf(a.status) - ON_THE_WAY.indexOf(b.status) || b.createdAt.getTime() - a.createdAt.getTime(),
  );
  const retire = [
    ...old.filter((vm) => vm.retired),
    ...oldKept.slice(0, replaced + inTheWay),
    ...leastUseful.slice(0, surplus),
  ];
  return { short, add, retire: retire.map((vm) => vm.id) };
}

/** How long a pool rests after `failures` VMs in a row broke before they were handed out: 5 s, doubled each time, at most 10 min. */
export function backOffMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(5_000 * 2 ** (failures - 1), 600_000);
}

/** What a new VM gets: the pool's own sizes where it has any, else those that its golden image was made with. */
export function sizesOf(
  image: { cpuCores: number; ramMiB: number; diskGiB: number },
  pool: { cpuCores: number | null; ramMiB: number | null } | null,
): { cpuCores: number; ramMiB: number; diskGiB: number } {
  return { cpuCores: pool?.cpuCores ?? image.cpuCores, ramMiB: pool?.ramMiB ?? image.ramMiB, diskGiB: image.diskGiB };
}
