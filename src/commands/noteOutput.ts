import { outputOf, saveOutput } from '../db/commands.js';
import { getGuest } from '../db/guests.js';
import type { Vm } from '../db/vms.js';
import type { DeliveryDeps } from './deliverCommand.js';
import { readOutput } from './readOutput.js';

/** How many bytes of its streams lie on the share, as the guest says. */
export interface StreamSizes {
  stdout: number;
  stderr: number;
}

/**
 * Takes over what running commands have written so far. All of it each time: in which encoding a stream is can change with
 * every byte that comes. Of the guest's words only that there is something new counts; ids that are not this VM's are left alone.
 */
export async function noteOutput(
  { db, write, share, warn }: DeliveryDeps,
  vm: Pick<Vm, 'id' | 'vmType'>,
  said: ReadonlyMap<string, StreamSizes>,
): Promise<void> {
  const folder = share(vm.id);
  if (folder === undefined || said.size === 0) return;
  const running = await db.command.findMany({
    where: { id: { in: [...said.keys()] }, vmId: vm.id, transport: 'AGENT', status: 'RUNNING' },
    select: { id: true, stdoutBytes: true, stderrBytes: true },
  });
  const grown = running.filter(({ id, stdoutBytes, stderrBytes }) => {
    const sizes = said.get(id);
    return sizes && (BigInt(sizes.stdout) !== stdoutBytes || BigInt(sizes.stderr) !== stderrBytes);
  });
  if (grown.length === 0) return;
  const codePage = (await getGuest(db, vm.id))?.codePage ?? null;
  for (const { id, stdoutBytes, stderrBytes } of grown) {
    try {
      const [stdout, stderr] = await Promise.all([
        readOutput(folder, id, 'stdout', codePage, false),
        readOutput(folder, id, 'stderr', codePage, false),
      ]);
      const bytes = {
        stdoutBytes: stdout ? BigInt(stdout.size) : stdoutBytes,
        stderrBytes: stderr ? BigInt(stderr.size) : stderrBytes,
      };
      if (bytes.stdoutBytes === stdoutBytes && bytes.stderrBytes === stderrBytes) continue;
      await write(async (tx, tell) => {
        const { count } = await tx.command.updateMany({ where: { id, status: 'RUNNING' }, data: bytes });
        if (count === 0) return;
        const kept = (await outputOf(tx, [id])).get(id);
        const output = { stdout: stdout?.text ?? kept?.stdout ?? '', stderr: stderr?.text ?? kept?.stderr ?? '' };
        await saveOutput(tx, id, output);
        const data = {
          commandId: id,
          stdoutBytes: Number(bytes.stdoutBytes),
          stderrBytes: Number(bytes.stderrBytes),
        };
        tell({ kind: 'COMMAND_OUTPUT', actor: 'guest', vmType: vm.vmType, vmId: vm.id, data });
      });
    } catch (err) {
      warn(err, "a command's output could not be taken over yet");
    }
  }
}
