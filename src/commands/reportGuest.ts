import { serveQueue } from '../db/assignments.js';
import type { Tx } from '../db/client.js';
import { lockImage, moveImage } from '../db/images.js';
import { poolRecovered } from '../db/pools.js';
import { lockVm, moveVm } from '../db/vms.js';
import type { Actor, NewEvent } from '../domain/events.js';
import type { CommandDeps } from './deps.js';

/** What the guest says of itself. Hostile text: bounded and without control characters before it comes here. */
export interface GuestFacts {
  windows?: string | undefined;
  computer?: string | undefined;
}

/** `gone`: the machine is over, its token is not worth anything any more. */
export type GuestReport = 'noted' | 'nothing new' | 'gone' | 'unknown';

/** The guest of a VM answers: BOOTING becomes READY, and whoever waits longest gets it. */
export function reportVmReady(
  { write }: Pick<CommandDeps, 'write'>,
  vmId: string,
  actor: Actor,
  facts: GuestFacts = {},
): Promise<GuestReport> {
  return write(async (tx, tell) => {
    const vm = await lockVm(tx, vmId);
    if (vm === null) return 'unknown';
    if (vm.status === 'READY' || vm.status === 'ASSIGNED') return 'nothing new';
    const readyAt = new Date();
    const moved = await moveVm(tx, vm, 'GUEST_READY', { readyAt });
    if (moved === undefined) return 'gone';
    // A quick guest reports before its start was noted; whoever counts the steps still sees each.
    if (vm.status === 'REQUESTED') tell({ kind: 'VM_BOOTING', actor, vmType: vm.vmType, vmId });
    const bootMs = readyAt.getTime() - vm.createdAt.getTime();
    tell({ kind: 'VM_READY', actor, vmType: vm.vmType, vmId, data: { bootMs, ...present(facts) } });
    await poolRecovered(tx, vm.vmType);
    if (vm.hotSpare) await serveQueue(tx, vm.vmType, 1, tell);
    return 'noted';
  });
}

/** The guest of an installation says that all is installed: the image is sealed. */
export function reportInstalled(
  { write }: Pick<CommandDeps, 'write'>,
  imageId: string,
  facts: GuestFacts = {},
): Promise<GuestReport> {
  return write((tx, tell) => installed(tx, tell, imageId, facts));
}

async function installed(
  tx: Tx,
  tell: (event: NewEvent) => void,
  imageId: string,
  facts: GuestFacts,
): Promise<GuestReport> {
  const image = await lockImage(tx, imageId);
  if (image === null) return 'unknown';
  if (image.status === 'SEALING' || image.status === 'READY') return 'nothing new';
  if ((await moveImage(tx, image, 'INSTALLED')) === undefined) return 'gone';
  tell({
    kind: 'GOLDEN_IMAGE_SEALING',
    actor: 'guest',
    vmType: image.vmType,
    goldenImageId: imageId,
    data: present(facts),
  });
  return 'noted';
}

function present(facts: GuestFacts): Record<string, string> {
  return Object.fromEntries(Object.entries(facts).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
