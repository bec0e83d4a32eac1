import { serveQueue } from '../db/assignments.js';
import type { Tx } from '../db/client.js';
import type { GuestFacts } from '../db/guests.js';
import { lockImage, moveImage } from '../db/images.js';
import { poolRecovered } from '../db/pools.js';
import { sighted } from '../db/sightings.js';
import { lockVm, moveVm, type Vm } from '../db/vms.js';
import type { Write } from '../db/write.js';
import type { Tell } from '../domain/events.js';

/** `gone`: the machine is over, its token is not worth anything any more. */
export type GuestReport = 'noted' | 'nothing new' | 'gone' | 'unknown';

/** The guest of a VM answers, and nothing else is asked of it: a probe found it up. */
export function reportVmReady({ write }: { write: Write }, vmId: string): Promise<GuestReport> {
  return write((tx, tell) => ready(tx, tell, vmId, async () => true));
}

/**
 * A guest of the prototype's says that it is ready: by its address alone, with nothing that could be judged. Where the agent speaks
 * for the golden image, or the pool demands computer names of their own, that is not enough: `nothing new`.
 */
export function reportReadyByAddress({ write }: { write: Write }, vmId: string): Promise<GuestReport> {
  return write((tx, tell) =>
    ready(tx, tell, vmId, async (vm) => {
      const agents = await tx.guest.count({ where: { machineId: { in: [vm.id, vm.goldenImageId] } } });
      const pool = await tx.pool.findUniqueOrThrow({ where: { id: vm.poolId } });
      return agents === 0 && !pool.uniqueComputerNames;
    }),
  );
}

async function ready(tx: Tx, tell: Tell, vmId: string, isEnough: (vm: Vm) => Promise<boolean>): Promise<GuestReport> {
  const vm = await lockVm(tx, vmId);
  if (vm === null) return 'unknown';
  if (vm.status === 'READY' || vm.status === 'ASSIGNED' || !(await isEnough(vm))) return 'nothing new';
  return (await becomeReady(tx, tell, vm, {})) ? 'noted' : 'gone';
}

/** BOOTING becomes READY, and whoever waits longest gets it. False: the status of the VM, whose row is held, does not allow it. */
export async function becomeReady(tx: Tx, tell: Tell, vm: Vm, facts: GuestFacts): Promise<boolean> {
  const { id: vmId, vmType } = vm;
  const readyAt = tx.clock.now();
  const moved = await moveVm(tx, vm, 'GUEST_READY', { readyAt, notReady: null });
  if (moved === undefined) return false;
  await sighted(tx, [vmId]);
  // A quick guest reports before its start was noted; whoever counts the steps still sees each.
  if (vm.status === 'REQUESTED') tell({ kind: 'VM_BOOTING', vmType, vmId });
  const bootMs = readyAt.getTime() - vm.createdAt.getTime();
  tell({ kind: 'VM_READY', vmType, vmId, data: { bootMs, ...present(facts) } });
  await poolRecovered(tx, vm.poolId);
  if (vm.hotSpare) await serveQueue(tx, { id: vm.poolId, vmType }, 1, tell);
  return true;
}

/** The guest of an installation says that all is installed: the image is sealed. */
export function reportInstalled(
  { write }: { write: Write },
  imageId: string,
  facts: GuestFacts = {},
): Promise<GuestReport> {
  return write((tx, tell) => installed(tx, tell, imageId, facts));
}

/** The same, known by nothing but its network address: not where the image has an agent, which says it by its token. */
export function reportInstalledByAddress({ write }: { write: Write }, imageId: string): Promise<GuestReport> {
  return write(async (tx, tell) =>
    (await tx.guest.count({ where: { machineId: imageId } })) > 0 ? 'gone' : installed(tx, tell, imageId, {}),
  );
}

async function installed(tx: Tx, tell: Tell, imageId: string, facts: GuestFacts): Promise<GuestReport> {
  const image = await lockImage(tx, imageId);
  if (image === null) return 'unknown';
  if (image.status === 'SEALING' || image.status === 'READY') return 'nothing new';
  if ((await moveImage(tx, image, 'INSTALLED')) === undefined) return 'gone';
  tell({
    kind: 'GOLDEN_IMAGE_SEALING',
    vmType: image.vmType,
    goldenImageId: imageId,
    data: present(facts),
  });
  return 'noted';
}

/** What of a guest's words goes on an event. */
function present({ windows, computer, ip, build }: GuestFacts): Record<string, string> {
  return Object.fromEntries(
    Object.entries({ windows, computer, ip, build }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
}
