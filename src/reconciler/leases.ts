import { cancelAssignment } from '../commands/cancelAssignment.js';
import { expiredLeases, overdueRequests } from '../db/leases.js';
import type { Deps } from './deps.js';
import { releaseIf } from './releaseIf.js';

/** Releases VMs whose lease has run out, and takes back requests whose caller waits no longer. */
export async function reconcileLeases({ db, write, now }: Pick<Deps, 'db' | 'write' | 'now'>): Promise<void> {
  for (const id of await expiredLeases(db, now()))
    await releaseIf({ write }, id, ({ status }) => status === 'ASSIGNED', 'lease expired');
  for (const id of await overdueRequests(db, now()))
    await cancelAssignment({ write }, { id }, 'no VM in time', 'reconciler');
}
