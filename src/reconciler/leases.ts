import { expiredLeases } from '../db/leases.js';
import { abandoned, isAbandoned, WAIT_SECONDS } from '../db/waits.js';
import { cancelQueued } from '../transitions/cancelQueued.js';
import type { Deps } from './deps.js';
import { releaseIf } from './releaseIf.js';

/** Releases VMs whose lease has run out, and ends what nobody waits for any more: the server where its caller waited may be gone. */
export async function reconcileLeases({
  db,
  write,
  now,
  ledSince,
}: Pick<Deps, 'db' | 'write' | 'now' | 'ledSince'>): Promise<void> {
  for (const id of await expiredLeases(db, now()))
    await releaseIf({ write }, id, ({ status }) => status === 'ASSIGNED', 'lease expired');
  // While the database was away nobody could say that they wait. A new lead is how that ends, and from then on they have their time again.
  if (now().getTime() - ledSince.getTime() < WAIT_SECONDS * 1000) return;
  for (const { id, vmId } of await abandoned(db)) {
    if (vmId !== null) await releaseIf({ write }, vmId, (_vm, tx) => isAbandoned(tx, id), 'nobody came for it');
    else
      await write(async (tx, tell) => {
        if (await isAbandoned(tx, id)) await cancelQueued(tx, tell, id, 'its caller waits no longer');
      });
  }
}
