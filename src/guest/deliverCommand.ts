import type { Db } from '../db/client.js';
import { type Command, countRunning, getCommand, handedOver, handOver, lockCommand } from '../db/commands.js';
import { getGuest, lockVmAndGuest } from '../db/guests.js';
import type { Vm } from '../db/vms.js';
import type { Write } from '../db/write.js';
import { LIMITS } from '../domain/limits.js';
import type { CommandShare } from '../domain/share.js';
import { vmTransition } from '../domain/vm.js';
import { endCommand } from '../transitions/endCommand.js';
import { encodeJob, whatLacks } from './guestText.js';

/** The shared folder of a VM; undefined: it has none. */
export type ShareOf = (vmId: string) => CommandShare | undefined;

/** What a guest's words on its commands are noted with. */
export interface NoteDeps {
  db: Db;
  share: ShareOf;
  /** A share that takes or gives nothing is no fault: the guest gets and sends the texts with its calls. Told once for each command. */
  warn: (err: unknown, commandId: string, what: string) => void;
}

export interface DeliveryDeps extends NoteDeps {
  write: Write;
}

export interface Delivered {
  command: Command;
  /** `share`: the batch file lies at commands/<id>/job.cmd in the share. */
  script: 'share' | 'here';
}

/**
 * Hands a command to this start of the agent: writes its batch file, then marks it RUNNING, or leaves it so when it is handed out
 * again. Undefined: it is not to be run any more, or not by this session; decide again.
 */
export async function deliverCommand(
  deps: DeliveryDeps,
  vm: Pick<Vm, 'id' | 'vmType'>,
  session: string,
  commandId: string,
  again = false,
): Promise<Delivered | undefined> {
  const [command, guest] = await Promise.all([getCommand(deps.db, commandId), getGuest(deps.db, vm.id)]);
  if (command === null || guest === null) return undefined;
  const job = encodeJob(command.command, guest);
  if (job === undefined && !again) {
    await refuseText(deps, commandId, guest.codePage);
    return undefined;
  }
  // Before it is RUNNING: a server that dies in between leaves a file that the next delivery replaces.
  const script = job === undefined ? 'here' : await putJob(deps, vm.id, commandId, job);
  const delivered = await deps.write(async (tx, tell) => {
    const held = await lockVmAndGuest(tx, vm.id);
    if (held?.session !== session || vmTransition(held.status, 'RELEASED') === undefined) return undefined;
    if (again) return handedOver(tx, commandId, session);
    if ((await countRunning(tx, vm.id)) >= LIMITS.commandsAtOnce.value) return undefined;
    const moved = await handOver(tx, commandId, session);
    if (moved === undefined) return undefined;
    tell({ kind: 'COMMAND_STARTED', vmType: vm.vmType, vmId: vm.id, data: { commandId } });
    return moved;
  });
  return delivered && { command: delivered, script };
}

async function putJob(
  { share, warn }: DeliveryDeps,
  vmId: string,
  commandId: string,
  job: Uint8Array,
): Promise<Delivered['script']> {
  try {
    const written = await share(vmId)?.write(['commands', commandId, 'job.cmd'], once(job), {
      replace: true,
      bytes: job.byteLength,
    });
    return written === undefined || written instanceof Error ? 'here' : 'share';
  } catch (err) {
    warn(err, commandId, 'a command could not be written into the share');
    return 'here';
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** It was asked for before the guest said what it can read. */
async function refuseText({ write }: { write: Write }, commandId: string, codePage: number | null): Promise<void> {
  await write(async (tx, tell) => {
    const latest = await lockCommand(tx, commandId);
    if (latest?.status !== 'QUEUED') return;
    await endCommand(tx, tell, latest, { event: 'BROKE', reason: `the ${whatLacks({ codePage })}` });
  });
}
