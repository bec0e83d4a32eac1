import type { Db, Tx } from '../../db/client.js';
import { getVm, type Vm } from '../../db/vms.js';
import { Conflict, type InvalidInput, NotFound } from '../../domain/errors.js';
import { checked, textOf, uuidOf } from '../input.js';

/**
 * The VM that a caller may work in now: one that was handed out, or one outside the pool that is ready. A spare is nobody's, and
 * what is done in it would come to whoever gets it next. With `assignedTo` it must be in just these hands.
 */
export async function heldVm(
  db: Db | Tx,
  vmId: string,
  assignedTo?: string | null,
): Promise<Vm | NotFound | Conflict | InvalidInput> {
  const input = checked(() => ({
    id: uuidOf('vmId', vmId),
    holder: assignedTo == null ? undefined : textOf('assignedTo', assignedTo, 200),
  }));
  if (input instanceof Error) return input;
  const vm = await getVm(db, input.id);
  if (vm === null) return new NotFound('VM', input.id);
  return whyNotHeld(vm, input.holder) ?? vm;
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
