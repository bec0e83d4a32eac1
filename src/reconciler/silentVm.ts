import { getGuest } from '../db/guests.js';
import { sighted } from '../db/sightings.js';
import type { Deps } from './deps.js';

/** A guest that answers by RDP, and whose agent alone is silent, has as many limits as this before it is given up. */
const LIMITS_WITH_RDP = 2;

/**
 * A READY VM of which nothing was heard is not handed out any more; here it gets its look. Undefined: it lives, or its agent may
 * yet call; else why it is of no use.
 */
export async function whySilent(
  {
    db,
    write,
    provisioner,
    readiness,
    unheardMs,
  }: Pick<Deps, 'db' | 'write' | 'provisioner' | 'readiness' | 'unheardMs'>,
  vmId: string,
  silentMs: number,
): Promise<string | undefined> {
  const asked = performance.now();
  const answers = await provisioner.answersRdp(vmId);
  const byAgent = readiness === 'agent' && (await getGuest(db, vmId)) !== null;
  if (answers && !byAgent) {
    await write((tx) => sighted(tx, [vmId], performance.now() - asked));
    return undefined;
  }
  if (answers && silentMs < LIMITS_WITH_RDP * unheardMs) return undefined;
  const seconds = Math.round(silentMs / 1000);
  return `its guest was not heard for ${seconds} s${answers ? ', although it answers RDP' : ''}`;
}
