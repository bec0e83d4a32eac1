import { lockVm, type Vm } from '../db/vms.js';
import { type InvalidInput, NotFound } from '../domain/errors.js';
import { release } from '../transitions/release.js';
import type { ActionContext } from './context.js';
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
  { write }: Pick<ActionContext, 'write'>,
  given: { id: string },
  reason: 'released' | 'destroyed' = 'released',
): Promise<Released | NotFound | InvalidInput> {
  const id = checked(() => uuidOf('id', given.id));
  if (id instanceof Error) return id;
  return write(
    async (tx, tell) => {
      const vm = await lockVm(tx, id);
      if (vm === null) return new NotFound('VM', given.id);
      const released = await release(tx, tell, vm, reason);
      return { vm: released ?? vm, changed: released !== undefined };
    },
    { makesRoom: true },
  );
}
