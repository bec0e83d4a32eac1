import { endAssignmentOf } from '../db/assignments.js';
import type { Tx } from '../db/client.js';
import { moveVm, type Vm } from '../db/vms.js';
import type { Tell } from '../domain/events.js';
import { endCommandsOf } from './endCommand.js';

/** Lets a held VM go, within a transaction that has its row. Undefined: it was on its way out already. */
export async function release(tx: Tx, tell: Tell, vm: Vm, reason: string): Promise<Vm | undefined> {
  const moved = await moveVm(tx, vm, 'RELEASED', { reason });
  if (moved === undefined) return undefined;
  const { id: vmId, vmType } = vm;
  const assignmentId = await endAssignmentOf(tx, vmId, reason);
  await endCommandsOf(tx, tell, vm, reason === 'released' ? 'the VM was released' : `the VM was released: ${reason}`);
  tell({ kind: 'VM_RELEASING', vmType, vmId, reason, ...(assignmentId !== undefined && { assignmentId }) });
  return moved;
}
