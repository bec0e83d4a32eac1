import { endAssignmentOf } from '../db/assignments.js';
import type { Tx } from '../db/client.js';
import { lockVm, moveVm, type Vm } from '../db/vms.js';
import { type InvalidInput, NotFound } from '../domain/errors.js';
import type { Actor, NewEvent } from '../domain/events.js';
import type { CommandDeps } from './deps.js';
import { endCommandsOf } from './endCommand.js';
import { checked, uuidOf } from './input.js';

export interface Released {
  vm: Vm;
  /** False: it was on its way out, or gone, before this call. */
  changed: boolean;
}

/**
 * Gives the VM back: it is destroyed with all that was written to it, whatever its status. Asking twice changes nothing.
 * `reason` goes on the event and ends the assignment.
 */
export async function releaseVm(
  { write }: Pick<CommandDeps, 'write'>,
  given: { id: string },
  reason: 'released' | 'destroyed' = 'released',
): Promise<Released | NotFound | InvalidInput> {
  const id = checked(() => uuidOf('id', given.id));
  if (id instanceof Error) return id;
  return write(
    async (tx, tell) => {
      const vm = await lockVm(tx, id);
      if (vm === null) return new NotFound('VM', given.id);
      const released = await release(tx, tell, vm, 'api', reason);
      return { vm: released ?? vm, changed: released !== undefined };
    },
    { makesRoom: true },
  );
}

/** Lets a held VM go, within a transaction that has its row. Undefined: it was on its way out already. */
export async function release(
  tx: Tx,
  tell: (event: NewEvent) => void,
  vm: Vm,
  actor: Actor,
  reason: string,
): Promise<Vm | undefined> {
  const moved = await moveVm(tx, vm, 'RELEASED', { reason });
  if (moved === undefined) return undefined;
  const { id: vmId, vmType } = vm;
  const assignmentId = await endAssignmentOf(tx, vmId, reason);
  await endCommandsOf(
    tx,
    tell,
    vm,
    actor,
    reason === 'released' ? 'the VM was released' : `the VM was released: ${reason}`,
  );
  tell({ kind: 'VM_RELEASING', actor, vmType, vmId, reason, ...(assignmentId !== undefined && { assignmentId }) });
  return moved;
}
