import { endAssignmentOf } from '../db/assignments.js';
import type { Tx } from '../db/client.js';
import { poolFailed } from '../db/pools.js';
import { moveVm, type Vm } from '../db/vms.js';
import type { Actor, NewEvent } from '../domain/events.js';
import { endCommandsOf } from './endCommand.js';

/**
 * FAILED with the reason, within a transaction that has the VM's row: whoever held it is told, its commands end, and a pool whose VM
 * was in nobody's hands rests for a while. Undefined: it is over already.
 */
export async function failVm(
  tx: Tx,
  tell: (event: NewEvent) => void,
  vm: Vm,
  actor: Actor,
  reason: string,
  now: Date,
): Promise<Vm | undefined> {
  const moved = await moveVm(tx, vm, 'BROKE', { reason });
  if (moved === undefined) return undefined;
  const { id: vmId, vmType } = vm;
  const assignmentId = await endAssignmentOf(tx, vmId, `the VM failed: ${reason}`);
  if (vm.status !== 'ASSIGNED') await poolFailed(tx, vm, reason, now);
  await endCommandsOf(tx, tell, vm, actor, `the VM failed: ${reason}`);
  tell({ kind: 'VM_FAILED', actor, vmType, vmId, reason, ...(assignmentId !== undefined && { assignmentId }) });
  return moved;
}
