import { cancelQueued } from '../commands/cancelAssignment.js';
import { expiredLeases } from '../db/leases.js';
import { abandoned, isAbandoned } from '../db/waits.js';
import type { Deps } from './deps.js';
import { releaseIf } from './releaseIf.js';

/** Releases VMs whose lease has run out, and ends what nobody waits for any more: the server where its caller waited may be gone. */
export async function reconcileLeases({ db, write, now }: Pick<Deps, 'db' | 'write' | 'now'>): Promise<void> {
  for (const id of await expiredLeases(db, now()))
    await releaseIf({ write }, id, ({ status }) => status === 'ASSIGNED', 'lease expired');
  for (const { id, vmId } of await abandoned(db)) {
    if (vmId !== null) await releaseIf({ write }, vmId, (_vm, tx) => isAbandoned(tx, id), 'nobody came for it');
    else
      await write(async (tx, tell) => {
        if (await isAbandoned(tx, id)) await cancelQueued(tx, tell, id, 'its caller waits no longer', 'reconciler');
      });
  }
}
