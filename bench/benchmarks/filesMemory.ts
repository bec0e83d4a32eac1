import { open, readFile, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Benchmark } from '../benchmark.js';
import { startDockerServer } from '../dockerServer.js';
import { figures } from '../figures.js';
import { download, uploadZeros } from '../transfer.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const SIZE = 5 * GIB;
/** What is compared with: memory that is flat is no more for ten times as much. */
const SMALL = SIZE / 10;
const WARM_UP = 256 * MIB;
const ROUNDS = 3;
const MAY_GROW_MIB = 64;

/** What the server's memory grows by while large files pass through it. */
export const filesMemory: Benchmark = {
  name: 'files-memory',
  async run(kit) {
    const { bavail, bsize } = await statfs(kit.folder);
    if (bavail * bsize < 2 * SIZE) throw new Error(`the temporary folder needs ${(2 * SIZE) / GIB} GiB of free disk`);
    const { server, vm, folder, stop } = await startDockerServer(kit, 'files_memory', 'stub');
    const url = (name: string) => `${server.url}/api/vms/instances/${vm.instanceId}/files/${name}`;
    const ways = {
      down: async (bytes: number) => {
        const file = await open(join(folder, 'shared/out/sparse'), 'w');
        await file.truncate(bytes);
        await file.close();
        await download(url('out/sparse'), '/dev/null');
      },
      up: async (bytes: number) => {
        await uploadZeros(bytes, url('in/zeros'));
        await rm(join(folder, 'shared/in/zeros'));
      },
    };
    const findings = [];
    for (const [name, way] of Object.entries(ways)) {
      await way(WARM_UP);
      const grown = { large: [] as number[], small: [] as number[] };
      for (let round = 0; round < ROUNDS; round++) {
        grown.small.push(await growthMiB(server.pid, () => way(SMALL)));
        grown.large.push(await growthMiB(server.pid, () => way(SIZE)));
        kit.say(`${name}, round ${round + 1} of ${ROUNDS}: ${grown.large.at(-1)?.toFixed(1)} MiB`);
      }
      const measured = figures(grown.large);
      findings.push({
        name: `files-memory-${name}`,
        what: `highest resident memory of the server while ${SIZE / GIB} GiB go ${name}, less what it had before (after ${WARM_UP / MIB} MiB)`,
        unit: 'MiB',
        measured,
        limit: { what: `the same with ${SMALL / MIB} MiB`, ...figures(grown.small) },
        target: `max <= ${MAY_GROW_MIB}`,
        met: measured.max <= MAY_GROW_MIB,
      });
    }
    await stop();
    return findings;
  },
};

async function growthMiB(pid: number, work: () => Promise<void>): Promise<number> {
  // Resets the kernel's mark of the highest.
  const mark = await open(`/proc/${pid}/clear_refs`, 'w');
  await mark.write('5');
  await mark.close();
  const before = await memoryMiB(pid, 'VmRSS');
  await work();
  return (await memoryMiB(pid, 'VmHWM')) - before;
}

async function memoryMiB(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
}
