import type { Tx } from '../db/client.js';
import { lockVm, type Vm } from '../db/vms.js';
import { release } from '../transitions/release.js';
import type { Deps } from './deps.js';

/** Lets a VM go if that still holds which it was chosen for, judged on its row while that is held. */
export async function releaseIf(
  { write }: Pick<Deps, 'write'>,
  id: string,
  still: (vm: Vm, tx: Tx) => boolean | Promise<boolean>,
  reason: string,
): Promise<void> {
  await write(
    async (tx, tell) => {
      const vm = await lockVm(tx, id);
      if (vm !== null && (await still(vm, tx))) await release(tx, tell, vm, reason);
    },
    { makesRoom: true },
  );
}
