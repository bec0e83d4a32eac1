import type { Db } from '../db/client.js';
import { type Command, lockCommand, moveCommand, saveOutput } from '../db/commands.js';
import { getGuest } from '../db/guests.js';
import type { Write } from '../db/write.js';
import { LIMITS } from '../domain/limits.js';
import type { QemuAgent, ScriptEnd } from '../domain/qemuAgent.js';
import { decodeOutput, encodeJob, whatLacks } from '../guest/guestText.js';
import { CANCELLED_RUNNING, type CommandEnd, endCommand, timedOut } from '../transitions/endCommand.js';

type Deps = { db: Db; write: Write };

/** Marks the command that waits longest in this VM for the QEMU guest agent as RUNNING; undefined: none waits. */
export async function claimForQemuAgent({ db, write }: Deps, vmId: string): Promise<Command | undefined> {
  const next = await db.command.findFirst({
    where: { vmId, transport: 'QEMU_GUEST_AGENT', status: 'QUEUED' },
    orderBy: { turn: 'asc' },
    select: { id: true },
  });
  if (next === null) return undefined;
  return write(async (tx, tell) => {
    const command = await lockCommand(tx, next.id);
    if (command?.status !== 'QUEUED') return undefined;
    const moved = await moveCommand(tx, command, 'DELIVERED', { startedAt: tx.clock.now() });
    if (moved === undefined) return undefined;
    const { vmType } = await tx.vm.findUniqueOrThrow({ where: { id: vmId }, select: { vmType: true } });
    tell({ kind: 'COMMAND_STARTED', vmType, vmId, data: { commandId: command.id } });
    return moved;
  });
}

/** Runs a claimed command to its end and notes that, with its output. One that was ended otherwise meanwhile is left as it is. */
export async function runByQemuAgent(
  { db, write }: Deps,
  agent: QemuAgent,
  command: Command,
  cancelled: AbortSignal,
): Promise<void> {
  const guest = (await getGuest(db, command.vmId)) ?? { build: null, codePage: null };
  const script = scriptOf(command, agent.system, guest);
  if (script === undefined) {
    return noteEnd({ write }, command, { event: 'BROKE', reason: `the ${whatLacks(guest)}` });
  }
  const ended = await agent.run(script, { timeoutMs: command.timeoutSeconds * 1000, cancelled });
  await noteEnd({ write }, command, endOf(command, ended), {
    stdout: kept(ended.stdout, guest.codePage),
    stderr: kept(ended.stderr, guest.codePage),
    stdoutBytes: BigInt(ended.stdout.length),
    stderrBytes: BigInt(ended.stderr.length),
  });
}

/** Ends a command that was claimed, unless it is over already. */
export async function noteEnd(
  { write }: Pick<Deps, 'write'>,
  { id }: Pick<Command, 'id'>,
  end: CommandEnd,
  output?: { stdout: string; stderr: string; stdoutBytes: bigint; stderrBytes: bigint },
): Promise<void> {
  await write(async (tx, tell) => {
    const command = await lockCommand(tx, id);
    if (command?.status !== 'RUNNING') return;
    if (output === undefined) return void (await endCommand(tx, tell, command, end));
    const { stdout, stderr, ...also } = output;
    await saveOutput(tx, id, { stdout, stderr });
    await endCommand(tx, tell, command, { ...end, also });
  });
}

function scriptOf(
  { command, workingDirectory }: Command,
  system: QemuAgent['system'],
  guest: { build: string | null; codePage: number | null },
): Uint8Array | undefined {
  if (system === 'windows') return encodeJob(`cd /d "${workingDirectory ?? 'C:\\'}" || exit /b 1\n${command}`, guest);
  // A Windows path means nothing there.
  return Buffer.from(`${command.replace(/\r\n?/g, '\n')}\n`);
}

function kept(bytes: Uint8Array, codePage: number | null): string {
  return decodeOutput(
    bytes.subarray(0, LIMITS.commandOutputBytes.value),
    codePage,
    bytes.length > LIMITS.commandOutputBytes.value,
  );
}

function endOf(command: Command, { state, exitCode }: ScriptEnd): CommandEnd {
  if (state === 'timeout') return timedOut(command);
  if (state === 'cancelled') return CANCELLED_RUNNING;
  if (exitCode === null) return { event: 'BROKE', reason: 'it was ended by a signal' };
  return { event: 'EXITED', exitCode };
}
