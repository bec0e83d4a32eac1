import type { Db } from '../../db/client.js';
import { type GoldenImage, getImage } from '../../db/images.js';
import { getVm } from '../../db/vms.js';
import { Conflict, InvalidInput, NotFound } from '../../domain/errors.js';
import { field, prose } from '../../domain/prose.js';
import type { ScreenRef } from '../../domain/screen.js';
import { vmActions } from '../../domain/vm.js';
import { assignedTo, described, idOf, VM_ID } from '../fields.js';
import { heldVm } from '../vm/heldVm.js';

/** Whose screen: of a VM or of an installation. */
export type ScreenOf = { vmId: string; assignedTo?: string | undefined } | { goldenImageId: string };

const GOLDEN_IMAGE_ID = field('goldenImageId', 'GoldenImage');

/** Which machine; just one must be named. */
export const screenFields = {
  vmId: idOf('Vm').optional().meta(described`A VM. Give this or ${GOLDEN_IMAGE_ID}.`),
  goldenImageId: idOf('GoldenImage')
    .optional()
    .meta(described`A golden image that is being installed. Give this or ${VM_ID}.`),
  assignedTo: assignedTo().optional(),
};

interface Named {
  vmId?: string | undefined;
  goldenImageId?: string | undefined;
  assignedTo?: string | undefined;
}

export function screenOf({ vmId, goldenImageId, assignedTo }: Named): ScreenOf | InvalidInput {
  if (vmId !== undefined && goldenImageId === undefined) return { vmId, assignedTo };
  if (goldenImageId !== undefined && vmId === undefined) return { goldenImageId };
  const both = vmId !== undefined;
  const fix = prose`Give ${both ? 'only one of' : 'either'} ${VM_ID} ${both ? 'and' : 'or'} ${GOLDEN_IMAGE_ID}.`;
  return new InvalidInput(VM_ID, vmId ?? '', fix);
}

/** The machine whose keyboard and mouse this caller may use. */
export async function operable(db: Db, of: ScreenOf): Promise<ScreenRef | NotFound | Conflict> {
  if ('vmId' in of) {
    const vm = await heldVm(db, of.vmId, of.assignedTo);
    return vm instanceof Error ? vm : { kind: 'vm', id: vm.id };
  }
  const image = await imageOf(db, of.goldenImageId);
  if (image instanceof Error) return image;
  if (image.status === 'INSTALLING') return { kind: 'golden', id: image.id };
  return new Conflict(
    `the golden image ${image.id} is ${image.status}`,
    'Keys and clicks reach an installation only while it is INSTALLING.',
  );
}

export async function imageOf(db: Db, id: string): Promise<GoldenImage | NotFound> {
  return (await getImage(db, id)) ?? new NotFound('golden image', id);
}

/** Operators look at VMs that nobody holds; a caller who names himself looks at his own only. */
export async function livingVm(
  db: Db,
  { vmId, assignedTo }: { vmId: string; assignedTo?: string | undefined },
): Promise<ScreenRef | NotFound | Conflict> {
  if (assignedTo !== undefined) {
    const vm = await heldVm(db, vmId, assignedTo);
    return vm instanceof Error ? vm : { kind: 'vm', id: vm.id };
  }
  const vm = await getVm(db, vmId);
  if (vm === null) return new NotFound('VM', vmId);
  if (vmActions(vm.status).length > 0) return { kind: 'vm', id: vmId };
  return new Conflict(`the VM ${vmId} is ${vm.status}: it is over`, 'Take screenshots before it is released.');
}
