import type { Db, Tx } from '../../db/client.js';
import { getVm, type Vm } from '../../db/vms.js';
import { Conflict, NotFound } from '../../domain/errors.js';

/**
 * The VM that a caller may work in now: one that was handed out, or one outside the pool that is ready. A spare is nobody's, and
 * what is done in it would come to whoever gets it next. With `assignedTo` it must be in just these hands.
 */
export async function heldVm(db: Db | Tx, vmId: string, assignedTo?: string): Promise<Vm | NotFound | Conflict> {
  const vm = await getVm(db, vmId);
  if (vm === null) return new NotFound('VM', vmId);
  return whyNotHeld(vm, assignedTo) ?? vm;
}

function whyNotHeld(vm: Vm, holder: string | undefined): Conflict | undefined {
  const is = `the VM ${vm.id} is ${vm.status}`;
  switch (vm.status) {
    case 'ASSIGNED':
      if (holder === undefined || holder === vm.assignedTo) return undefined;
      return new Conflict(
        `the VM ${vm.id} is assigned to somebody else than ${JSON.stringify(holder)}`,
        'Take the VM that was assigned to this name, or give no name.',
      );
    case 'READY':
      if (vm.hotSpare) return new Conflict(`${is}, a spare in nobody's hands`, 'Have a VM assigned first.');
      if (holder === undefined) return undefined;
      return new Conflict(
        `${is} and assigned to nobody, so not to ${JSON.stringify(holder)}`,
        'Give no name for a VM outside the pool.',
      );
    case 'REQUESTED':
    case 'BOOTING':
      return new Conflict(`${is}, not ready yet`, 'Wait until it is ready; its events tell when.');
    case 'RELEASING':
    case 'DESTROYED':
    case 'FAILED':
      return new Conflict(`${is}: it is over`, 'Have another VM assigned.');
    default:
      return vm.status satisfies never;
  }
}
