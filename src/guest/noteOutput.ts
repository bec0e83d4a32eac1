import { saveOutput } from '../db/commands.js';
import { getGuest } from '../db/guests.js';
import type { Vm } from '../db/vms.js';
import { outputEveryMs } from '../domain/command.js';
import { LIMITS } from '../domain/limits.js';
import type { DeliveryDeps } from './deliverCommand.js';
import { readOutput } from './readOutput.js';

/** How many bytes of its streams lie on the share, as the guest says. */
export interface StreamSizes {
  stdout: number;
  stderr: number;
}

/** Command → when its output was last looked at. What is forgotten is looked at again. */
export interface LookedAt {
  get(commandId: string): number | undefined;
  set(commandId: string, at: number): void;
}

/**
 * Takes over what running commands have written so far. All of it each time: in which encoding a stream is can change with
 * every byte that comes. Of the guest's words only that there is something new counts; ids that are not this VM's are left alone.
 * A guest can change its files all the time, so each command has its pace, and a stream of which is kept what is ever kept
 * stays as it is until the end.
 */
export async function noteOutput(
  { db, write, share, warn }: DeliveryDeps,
  vm: Pick<Vm, 'id' | 'vmType'>,
  said: ReadonlyMap<string, StreamSizes>,
  lookedAt: LookedAt,
  now: number,
): Promise<void> {
  const folder = share(vm.id);
  if (folder === undefined || said.size === 0) return;
  const running = await db.command.findMany({
    where: { id: { in: [...said.keys()] }, vmId: vm.id, transport: 'AGENT', status: 'RUNNING' },
    select: { id: true, stdoutBytes: true, stderrBytes: true, startedAt: true },
  });
  const grown = running.filter(({ id, stdoutBytes, stderrBytes, startedAt }) => {
    const sizes = said.get(id);
    if (sizes === undefined || !(isNew(sizes.stdout, stdoutBytes) || isNew(sizes.stderr, stderrBytes))) return false;
    const looked = lookedAt.get(id);
    return looked === undefined || looked + outputEveryMs(now - (startedAt?.getTime() ?? now)) <= now;
  });
  if (grown.length === 0) return;
  const codePage = (await getGuest(db, vm.id))?.codePage ?? null;
  for (const { id, stdoutBytes, stderrBytes } of grown) {
    lookedAt.set(id, now);
    const read = (stream: 'stdout' | 'stderr', known: bigint) =>
      isFull(known) ? undefined : readOutput(folder, id, stream, codePage, false);
    try {
      const [stdout, stderr] = await Promise.all([read('stdout', stdoutBytes), read('stderr', stderrBytes)]);
      const bytes = {
        stdoutBytes: stdout ? BigInt(stdout.size) : stdoutBytes,
        stderrBytes: stderr ? BigInt(stderr.size) : stderrBytes,
      };
      if (bytes.stdoutBytes === stdoutBytes && bytes.stderrBytes === stderrBytes) continue;
      await write(async (tx, tell) => {
        const { count } = await tx.command.updateMany({ where: { id, status: 'RUNNING' }, data: bytes });
        if (count === 0) return;
        await saveOutput(tx, id, { ...(stdout && { stdout: stdout.text }), ...(stderr && { stderr: stderr.text }) });
        const data = {
          commandId: id,
          stdoutBytes: Number(bytes.stdoutBytes),
          stderrBytes: Number(bytes.stderrBytes),
        };
        tell({ kind: 'COMMAND_OUTPUT', vmType: vm.vmType, vmId: vm.id, data });
      });
    } catch (err) {
      warn(err, id, "a command's output could not be taken over yet");
    }
  }
}

/** Whether what is kept of a stream of so many bytes is all that is ever kept of one. */
function isFull(bytes: bigint): boolean {
  return bytes >= LIMITS.commandOutputBytes.value;
}

function isNew(said: number, known: bigint): boolean {
  return !isFull(known) && BigInt(said) !== known;
}
