import { getGuest } from '../db/guests.js';
import { sighted } from '../db/sightings.js';
import { lockVm, type Vm } from '../db/vms.js';
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

/** Tells whoever has the VM why it is not to be had now, or that it is again. It stays theirs. */
export async function tellHolder(
  { write, log }: Pick<Deps, 'write' | 'log'>,
  vm: Vm,
  reason: string | null,
): Promise<void> {
  const { id: vmId, vmType } = vm;
  const told = await write(async (tx, tell) => {
    const latest = await lockVm(tx, vmId);
    if (latest?.generation !== vm.generation || latest.notReady === reason) return false;
    await tx.vm.update({ where: { id: vmId }, data: { notReady: reason } });
    const subject = { actor: 'reconciler', vmType, vmId } as const;
    tell(reason === null ? { kind: 'VM_READY', ...subject } : { kind: 'VM_NOT_READY', ...subject, reason });
    return true;
  });
  if (told) log.info({ vmId, reason }, reason === null ? 'an assigned vm is back' : 'an assigned vm is not to be had');
}
