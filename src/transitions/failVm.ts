import { endAssignmentOf } from '../db/assignments.js';
import type { Tx } from '../db/client.js';
import { poolFailed } from '../db/pools.js';
import { moveVm, type Vm } from '../db/vms.js';
import type { Tell } from '../domain/events.js';
import { endCommandsOf } from './endCommand.js';

/**
 * FAILED with the reason, within a transaction that has the VM's row: whoever held it is told, its commands end, and a pool whose VM
 * was in nobody's hands rests for a while. Undefined: it is over already.
 */
export async function failVm(tx: Tx, tell: Tell, vm: Vm, reason: string, now: Date): Promise<Vm | undefined> {
  const moved = await moveVm(tx, vm, 'BROKE', { reason });
  if (moved === undefined) return undefined;
  const { id: vmId, vmType } = vm;
  // The end of its log, which may follow, is read at the VM and its event.
  const [why = ''] = reason.split('\n', 1);
  const assignmentId = await endAssignmentOf(tx, vmId, `the VM failed: ${why}`);
  if (vm.status !== 'ASSIGNED') await poolFailed(tx, vm, why, now);
  await endCommandsOf(tx, tell, vm, `the VM failed: ${why}`);
  tell({ kind: 'VM_FAILED', vmType, vmId, reason, ...(assignmentId !== undefined && { assignmentId }) });
  return moved;
}
