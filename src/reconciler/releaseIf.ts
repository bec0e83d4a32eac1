import { release } from '../commands/releaseVm.js';
import { lockVm, type Vm } from '../db/vms.js';
import type { Deps } from './deps.js';

/** Lets a VM go if that still holds which it was chosen for, judged on its row while that is held. */
export async function releaseIf(
  { write }: Pick<Deps, 'write'>,
  id: string,
  still: (vm: Vm) => boolean,
  reason: string,
): Promise<void> {
  await write(async (tx, tell) => {
    const vm = await lockVm(tx, id);
    if (vm !== null && still(vm)) await release(tx, tell, vm, 'reconciler', reason);
  });
}
