import { type Command, getCommand, lockCommand, saveOutput } from '../db/commands.js';
import { getGuest } from '../db/guests.js';
import type { Vm } from '../db/vms.js';
import { CANCELLED_RUNNING, type CommandEnd, endCommand, timedOut } from '../transitions/endCommand.js';
import type { DeliveryDeps } from './deliverCommand.js';
import { storable } from './guestText.js';
import { readOutput } from './readOutput.js';

/** How a command ended, as the guest says. Checked: numbers are in their range, texts are bounded. */
export interface GuestResult {
  commandId: string;
  end:
    | { state: 'exited'; exitCode: number }
    | { state: 'failed'; reason: string | undefined }
    | { state: 'timeout' | 'cancelled' | 'lost' };
  /** Bytes that it wrote in all. */
  stdoutBytes: number;
  stderrBytes: number;
  /** The beginning of the streams; undefined: they lie on the share. */
  texts?: { stdout: string; stderr: string } | undefined;
}

/** Notes how a command of this VM ended, with its output. One that is over, not handed out, or another VM's is left as it is. */
export async function noteResult(deps: DeliveryDeps, vm: Pick<Vm, 'id'>, result: GuestResult): Promise<void> {
  const { commandId } = result;
  const mine = (command: Command | null): command is Command =>
    command?.vmId === vm.id && command.transport === 'AGENT' && command.status === 'RUNNING';
  if (!mine(await getCommand(deps.db, commandId))) return;
  const { stdout, stderr, sizes } = await outputFrom(deps, vm.id, result);
  await deps.write(async (tx, tell) => {
    const command = await lockCommand(tx, commandId);
    if (!mine(command)) return;
    await saveOutput(tx, commandId, {
      ...(stdout !== undefined && { stdout }),
      ...(stderr !== undefined && { stderr }),
    });
    const also = {
      stdoutBytes: max(BigInt(sizes.stdout), command.stdoutBytes),
      stderrBytes: max(BigInt(sizes.stderr), command.stderrBytes),
    };
    await endCommand(tx, tell, command, { ...endOf(command, result.end), also });
  });
}

/** The beginnings of both streams, undefined where they can't be had, and how long the streams are: the guest may not know it all. */
async function outputFrom(
  { db, share, warn }: DeliveryDeps,
  vmId: string,
  { commandId, stdoutBytes, stderrBytes, texts }: GuestResult,
): Promise<{ stdout?: string | undefined; stderr?: string | undefined; sizes: { stdout: number; stderr: number } }> {
  const said = { stdout: stdoutBytes, stderr: stderrBytes };
  if (texts) return { stdout: storable(texts.stdout), stderr: storable(texts.stderr), sizes: said };
  const folder = share(vmId);
  if (folder === undefined) return { sizes: said };
  const codePage = (await getGuest(db, vmId))?.codePage ?? null;
  const read = async (stream: 'stdout' | 'stderr') => {
    try {
      return await readOutput(folder, commandId, stream, codePage, true);
    } catch (err) {
      warn(err, commandId, "a command's output could not be read");
      return undefined;
    }
  };
  const [stdout, stderr] = await Promise.all([read('stdout'), read('stderr')]);
  const sizes = { stdout: Math.max(said.stdout, stdout?.size ?? 0), stderr: Math.max(said.stderr, stderr?.size ?? 0) };
  return { stdout: stdout?.text, stderr: stderr?.text, sizes };
}

function endOf(command: Command, end: GuestResult['end']): CommandEnd {
  switch (end.state) {
    case 'exited':
      return { event: 'EXITED', exitCode: end.exitCode };
    case 'timeout':
      return timedOut(command);
    case 'cancelled':
      return CANCELLED_RUNNING;
    case 'failed':
      return { event: 'BROKE', reason: `it could not be started: ${end.reason ?? 'the guest did not say why'}` };
    case 'lost':
      return lostEnd(command);
    default:
      return end satisfies never;
  }
}

/** Windows or the agent was stopped while it ran, or the agent never got it. */
export function lostEnd({ cancelRequestedAt }: Pick<Command, 'cancelRequestedAt'>): CommandEnd {
  return cancelRequestedAt === null
    ? { event: 'BROKE', reason: 'the guest restarted while it ran' }
    : { event: 'CANCELLED', reason: 'cancelled; the guest does not run it any more' };
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
