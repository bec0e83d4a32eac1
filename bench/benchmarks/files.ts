import { mkdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Benchmark, Finding } from '../benchmark.js';
import { startDockerServer } from '../dockerServer.js';
import { overRounds, ratioOf } from '../figures.js';
import { download, timedRun, upload } from '../transfer.js';

const ROUNDS = 5;
const MIB = 1024 ** 2;
const SIZE_MIB = 1024;
/** The two originals, one copy at a time, and one that is being forgotten. */
const ROOM = 4 * SIZE_MIB * MIB;

/** One way, through the server and by cp. */
interface Way {
  name: string;
  what: string;
  from: string;
  to: string;
  work: () => Promise<number>;
  /** From the disk and to the disk; else what is read lies in memory, and when it is written is left to the system. */
  disk: boolean;
  rates: { server: number[][]; cp: number[][] };
}

/** A file into a VM's folder and out of it, through the server, against cp of the same file to the same place. */
export const files: Benchmark = {
  name: 'files',
  async run(kit) {
    const { bavail, bsize } = await statfs(kit.folder);
    if (bavail * bsize < ROOM) throw new Error(`the temporary folder needs ${ROOM / MIB} MiB of free disk`);
    const { server, vm, folder, stop } = await startDockerServer(kit, 'files', 'stub');
    const url = (name: string) => `${server.url}/api/vms/instances/${vm.instanceId}/files/${name}`;
    const [source, outside] = [join(kit.folder, 'files', 'source'), join(kit.folder, 'files', 'copy')];
    const [inside, given] = [join(folder, 'shared/in/copy'), join(folder, 'shared/out/given')];
    await timedRun('dd', ['if=/dev/urandom', `of=${source}`, 'bs=1M', `count=${SIZE_MIB}`]);
    await mkdir(join(folder, 'shared/out'), { recursive: true });
    await timedRun('cp', [source, given]);

    const put = { from: source, to: inside, work: () => upload(source, url('in/copy')) };
    const get = { from: given, to: outside, work: () => download(url('out/given'), outside) };
    const ways: Way[] = [false, true].flatMap((disk) => {
      const [suffix, where] = disk ? ['-disk', 'from disk to disk'] : ['', 'in the page cache'];
      const putWhat = 'PUT into the folder of a VM, with its SHA-256';
      const getWhat = 'GET out of the folder of a VM into a file';
      return [
        { ...put, name: `files-put${suffix}`, what: `${putWhat}, ${where}`, disk, rates: { server: [], cp: [] } },
        { ...get, name: `files-get${suffix}`, what: `${getWhat}, ${where}`, disk, rates: { server: [], cp: [] } },
      ];
    });
    // Writing a file in small pieces is most of what curl does; this is the server's share of a download.
    const sent = 'GET out of the folder of a VM, thrown away by who asked, in the page cache';
    const work = () => download(url('out/given'), '/dev/null');
    ways.push({ ...get, work, name: 'files-get-sent', what: sent, disk: false, rates: { server: [], cp: [] } });
    for (let round = 0; round <= ROUNDS; round++) {
      for (const way of ways) {
        for (const by of round % 2 === 0 ? (['server', 'cp'] as const) : (['cp', 'server'] as const)) {
          const rate = await measure(way, by, kit.folder);
          // The first round warms up.
          if (round > 0) way.rates[by].push([rate]);
        }
      }
      const last = ways.map(({ name, rates: { server, cp } }) => `${name} ${shown(server)} of ${shown(cp)}`);
      if (round > 0) kit.say(`round ${round} of ${ROUNDS}: ${last.join(', ')} MiB/s`);
    }
    await rm(source);
    await stop();
    return ways.map(findingOf);
  },
};

/** MiB a second. */
async function measure({ from, to, work, disk }: Way, by: 'server' | 'cp', folder: string): Promise<number> {
  await timedRun('sync', ['-f', folder]);
  if (disk) await forget(from);
  else await timedRun('cp', [from, '/dev/null']);
  let ms = by === 'server' ? await work() : await timedRun('cp', [from, to]);
  if (disk) ms += await timedRun('sync', [to]);
  await rm(to, { force: true });
  return SIZE_MIB / (ms / 1000);
}

/** Has the system forget what it holds of a file in memory. */
async function forget(file: string): Promise<void> {
  await timedRun('dd', [`of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none']);
}

function findingOf({ name, what, rates: { server, cp } }: Way): Finding {
  const ratio = ratioOf(server, cp);
  return {
    name,
    what: `${what}: ${SIZE_MIB} MiB with curl, ${ROUNDS} rounds`,
    unit: 'MiB/s',
    measured: overRounds(server),
    limit: { what: 'cp of the same file to the same place', ...overRounds(cp) },
    ratio,
    target: 'ratio >= 0.5',
    met: ratio >= 0.5,
  };
}

const shown = (rates: number[][]) => (rates.at(-1)?.[0] ?? 0).toFixed(0);
