import { listening, sighted, vmsToProbe } from '../db/sightings.js';
import type { Deps } from './deps.js';

/** One that is frozen takes two seconds; those behind it have only so long until they count as silent. */
const AT_ONCE = 64;
/** After this share of the limit without a sign a VM is asked for one. */
const DUE_SHARE = 1 / 3;

/** How often this is to be done, in ms. */
export const probeEveryMs = (unheardMs: number): number => Math.min(10_000, unheardMs / 9);

/**
 * READY VMs whose agent does not speak for them are asked by RDP, in turns, so that they too are known to live. Where the agent's
 * word alone counts, that is only those that never had one. One that can't be asked has not answered: what is wrong with it is found
 * by its own step once it counts as silent.
 * @throws Unavailable  none could be asked, as when the engine is away: nobody listens then.
 */
export async function probeSpares({
  db,
  write,
  provisioner,
  readiness,
  unheardMs,
}: Pick<Deps, 'db' | 'write' | 'provisioner' | 'readiness' | 'unheardMs'>): Promise<void> {
  const due = await vmsToProbe(db, readiness === 'agent' ? 'without agent' : 'all', unheardMs * DUE_SHARE);
  do {
    const batch = due.splice(0, AT_ONCE);
    const asked = performance.now();
    const answers = await Promise.allSettled(batch.map(async (id) => ((await provisioner.answersRdp(id)) ? [id] : [])));
    const faults = answers.filter((answer) => answer.status === 'rejected');
    if (faults[0] && faults.length === batch.length) throw faults[0].reason;
    const alive = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    await write(async (tx) => {
      await sighted(tx, alive, performance.now() - asked);
      if (readiness !== 'agent') await listening(tx, unheardMs);
    });
  } while (due.length > 0);
}
