import { cancelAssignment } from '../commands/cancelAssignment.js';
import { release } from '../commands/releaseVm.js';
import { expiredLeases, overdueRequests } from '../db/leases.js';
import { lockVm } from '../db/vms.js';
import type { Deps } from './deps.js';

/** Releases VMs whose lease has run out, and takes back requests whose caller waits no longer. */
export async function reconcileLeases({ db, write, now }: Pick<Deps, 'db' | 'write' | 'now'>): Promise<void> {
  for (const id of await expiredLeases(db, now())) {
    await write(async (tx, tell) => {
      const vm = await lockVm(tx, id);
      if (vm?.status === 'ASSIGNED') await release(tx, tell, vm, 'reconciler', 'lease expired');
    });
  }
  for (const id of await overdueRequests(db, now()))
    await cancelAssignment({ write }, { id }, 'no VM in time', 'reconciler');
}
