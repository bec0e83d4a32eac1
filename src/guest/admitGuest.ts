import type { Tx } from '../db/client.js';
import { type GuestFacts, noteGuest, renamesOf, vmWithComputerName } from '../db/guests.js';
import { holdLock } from '../db/locks.js';
import { lockVm, type Vm } from '../db/vms.js';
import type { Write } from '../db/write.js';
import { computerName } from '../domain/computerName.js';
import type { Tell } from '../domain/events.js';
import { vmTransition } from '../domain/vm.js';
import { failVm } from '../transitions/failVm.js';
import { becomeReady } from '../transitions/reportGuest.js';

/** A guest that was given a new name this often and still has none of its own is broken. */
const MOST_RENAMES = 2;

/** What the agent in a VM says at its start. */
export interface AgentReport {
  /** One start of the agent. */
  session: string;
  facts: GuestFacts;
  /** The guest's clock; undefined: it did not say. */
  clock?: Date | undefined;
}

/** `over`: the machine is gone, or unknown; its token is not worth anything any more. */
export type Admission = 'over' | { do: 'ok' } | { do: 'sync' } | { do: 'rename'; name: string };

export interface AdmitRules {
  /** How far a guest's clock may be off before it is told to set it; 0: as far as it likes. */
  clockSkewSeconds: number;
  /** With `rdp` the agent's word makes nothing ready: a probe decides. */
  readiness: 'agent' | 'rdp' | 'either';
}

/**
 * The agent of a VM reports. The VM becomes READY when the guest's clock is right and, where its pool demands that, no living
 * VM has the same computer name; else the guest is told what to do about it, and the VM says why it is not ready.
 * A VM that is READY already stays so: its guest has restarted in somebody's hands.
 */
export function admitGuest(
  deps: AdmitRules & { write: Write },
  vmId: string,
  report: AgentReport,
  now: Date,
): Promise<Admission> {
  return deps.write(async (tx, tell) => {
    const vm = await lockVm(tx, vmId);
    if (vm === null || vmTransition(vm.status, 'RELEASED') === undefined) return 'over';
    const awaited = deps.readiness !== 'rdp' && vmTransition(vm.status, 'GUEST_READY') !== undefined;
    const pool = await tx.pool.findUniqueOrThrow({ where: { id: vm.poolId } });
    const named = awaited && pool.uniqueComputerNames;
    // Held before the name is noted: of two guests with one name that report at once, the second sees the first's.
    if (named) await holdLock(tx, 'computerNames');
    const skewMs = report.clock === undefined ? undefined : report.clock.getTime() - now.getTime();
    const sessions = await noteGuest(tx, vmId, report.session, { ...report.facts, clockSkewMs: skewMs });
    if (!awaited) return { do: 'ok' };

    const limitMs = deps.clockSkewSeconds * 1000;
    if (skewMs !== undefined && limitMs > 0 && Math.abs(skewMs) > limitMs) {
      await refuse(tx, tell, vm, clockReason(skewMs));
      return { do: 'sync' };
    }
    if (named) {
      const why = await whyBadName(tx, vmId, report.facts.computer);
      if (why !== undefined) return rename(tx, tell, vm, why, sessions, now);
    }
    await becomeReady(tx, tell, vm, report.facts);
    return { do: 'ok' };
  });
}

const CLOCK_REASON = 'its clock is ';

function clockReason(skewMs: number): string {
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  return `${CLOCK_REASON}${seconds} s ${skewMs < 0 ? 'behind' : 'ahead'}; it was told to set it`;
}

async function whyBadName(tx: Tx, vmId: string, computer: string | undefined): Promise<string | undefined> {
  if (computer === undefined) return 'it did not say its computer name';
  const other = await vmWithComputerName(tx, computer, vmId);
  return other && `its computer name ${JSON.stringify(computer)} is also that of the VM ${other}`;
}

async function rename(tx: Tx, tell: Tell, vm: Vm, why: string, start: number, now: Date): Promise<Admission> {
  const asked = await renamesOf(tx, vm.id);
  const last = asked.at(-1);
  // It was told so since it started: its answer was lost, or it is about to restart.
  if (last?.start === start) return { do: 'rename', name: last.name };
  if (asked.length >= MOST_RENAMES) {
    await failVm(tx, tell, vm, `${why}, after ${asked.length} new names`, now);
    return 'over';
  }
  const name = computerName(vm.id, asked.length + 1);
  await refuse(tx, tell, vm, `${why}; it was told to take the name ${name}`, { rename: name, start });
  return { do: 'rename', name };
}

/** Says why the VM is not ready, once for each reason: a clock that goes wrong by one more second is no other reason. */
async function refuse(
  tx: Tx,
  tell: Tell,
  vm: Vm,
  reason: string,
  data?: { rename: string; start: number },
): Promise<void> {
  if (data === undefined && vm.notReady?.startsWith(CLOCK_REASON) && reason.startsWith(CLOCK_REASON)) return;
  await tx.vm.update({ where: { id: vm.id }, data: { notReady: reason } });
  tell({ kind: 'VM_NOT_READY', vmType: vm.vmType, vmId: vm.id, reason, ...(data && { data }) });
}
