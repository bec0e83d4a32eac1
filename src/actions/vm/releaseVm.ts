import { z } from 'zod';
import { lockVm } from '../../db/vms.js';
import { NotFound } from '../../domain/errors.js';
import { release } from '../../transitions/release.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { idOf } from '../fields.js';

/** `reason` goes on the event and ends the assignment. `changed` false: it was on its way out, or gone, before this call. */
async function letGo({ write }: Pick<ActionContext, 'write'>, id: string, reason: 'released' | 'destroyed') {
  return write(
    async (tx, tell) => {
      const vm = await lockVm(tx, id);
      if (vm === null) return new NotFound('VM', id);
      const released = await release(tx, tell, vm, reason);
      return { vm: released ?? vm, changed: released !== undefined };
    },
    { makesRoom: true },
  );
}

const input = z.strictObject({ id: idOf('Vm') });

export const releaseVm = defineAction({
  name: 'releaseVm',
  description: 'Gives the VM back: it is destroyed with all that was written to it. Asking twice changes nothing.',
  permission: 'vm:release',
  input,
  about: 'Which VM.',
  refusals: ['NOT_FOUND'],
  run: (context: Pick<ActionContext, 'write'>, { id }) => letGo(context, id, 'released'),
});

export const destroyVm = defineAction({
  name: 'destroyVm',
  description: 'Destroys the VM, whatever its status. Asking twice changes nothing.',
  permission: 'vm:release',
  input,
  about: 'Which VM.',
  refusals: ['NOT_FOUND'],
  run: (context: Pick<ActionContext, 'write'>, { id }) => letGo(context, id, 'destroyed'),
});
