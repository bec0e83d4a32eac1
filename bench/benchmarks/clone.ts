import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createStorage, type Storage } from '../../src/storage/storage.js';
import type { Benchmark, Finding } from '../benchmark.js';
import { figures, median, overRounds } from '../figures.js';
import type { Kit } from '../kit.js';

const run = promisify(execFile);
const ROUNDS = 3;
const CLONES = 20;
/** Virtual size, and how much of it is written. All of 64 GiB would need more room than a machine for tests has. */
const SIZES = [
  { gib: 1, writtenGib: 1 },
  { gib: 8, writtenGib: 8 },
  { gib: 64, writtenGib: 4 },
];
/** The golden images, and beside them one copy at a time. */
const ROOM_GIB = 24;
const COPIED_UP_TO_GIB = 8;
const CHUNK_MIB = 256;
/** Of the firmware files that each clone gets copies of. */
const STATE_FILES = { 'windows.boot': 0, 'windows.vars': 540_672, 'windows.rom': 3_653_632, 'windows.ver': 5 };
const GUEST = { server: 'http://system.lan:8890', id: 'benchmark', token: 'none' };

interface Golden {
  gib: number;
  writtenGib: number;
  id: string;
  times: number[][];
}

/** The disk of a new VM: the time must not depend on the size of the golden image, as a copy's does. */
export const clone: Benchmark = {
  name: 'clone',
  async run(kit) {
    const path = join(kit.folder, 'storage');
    await mkdir(path);
    const { bavail, bsize } = await statfs(path);
    if ((bavail * bsize) / 2 ** 30 < ROOM_GIB)
      throw new Error(`the temporary folder needs ${ROOM_GIB} GiB of free disk`);
    const storage = createStorage({ path, deployment: 'benchmark', log: kit.log });
    const refusal = await storage.claim();
    if (refusal) throw refusal;
    const goldens: Golden[] = [];
    const remove = kit.opened('golden images', async () => {
      for (const { id } of goldens) await storage.deleteGolden(id);
    });
    for (const { gib, writtenGib } of SIZES) {
      kit.say(`making a golden disk of ${gib} GiB with ${writtenGib} GiB written`);
      const id = randomUUID();
      goldens.push({ gib, writtenGib, id, times: [] });
      await makeGolden(storage, id, gib, writtenGib);
    }
    await measure(storage, goldens);
    const findings: Finding[] = [];
    for (const golden of goldens) findings.push(await findingOf(kit, storage, golden));
    findings.push(sameness(goldens));
    await remove();
    return findings;
  },
};

async function measure(storage: Storage, goldens: readonly Golden[]): Promise<void> {
  for (let round = -1; round < ROUNDS; round++) {
    for (const golden of goldens) golden.times.push([]);
    for (let n = 0; n < CLONES; n++) {
      for (const { id, times } of goldens) {
        const vmId = randomUUID();
        const begun = performance.now();
        await storage.clone(id, vmId, { ...GUEST, role: 'vm' }, async () => {});
        times.at(-1)?.push(performance.now() - begun);
        await storage.remove({ kind: 'vm', id: vmId });
      }
    }
    // The first round warms up.
    if (round < 0) for (const golden of goldens) golden.times.length = 0;
  }
}

async function findingOf(kit: Kit, storage: Storage, { gib, writtenGib, id, times }: Golden): Promise<Finding> {
  const measured = overRounds(times);
  const finding: Finding = {
    name: `clone-${gib}GiB`,
    what: `storage.clone of a golden disk of ${gib} GiB, ${writtenGib} GiB of it written`,
    unit: 'ms',
    measured,
    target: 'p95 <= 100',
    met: measured.p95 <= 100,
  };
  if (gib > COPIED_UP_TO_GIB) return finding;
  const copy = join(kit.folder, 'copy.qcow2');
  const begun = performance.now();
  await run('cp', [join(storage.layout.golden(id), 'data.qcow2'), copy]);
  const copied = figures([performance.now() - begun]);
  await rm(copy);
  return { ...finding, limit: { what: 'cp of the same file, once', ...copied }, ratio: measured.p50 / copied.p50 };
}

/** The largest against the smallest, round by round. */
function sameness(goldens: readonly Golden[]): Finding {
  const [small, large] = [goldens[0], goldens.at(-1)];
  const ratios = (large?.times ?? []).map((times, round) => median(times) / median(small?.times[round] ?? []));
  const measured = figures(ratios);
  return {
    name: 'clone-same',
    what: `median clone of ${large?.gib} GiB against ${small?.gib} GiB`,
    unit: 'times',
    measured,
    ratio: measured.p50,
    target: 'ratio <= 1.25',
    met: measured.p50 <= 1.25,
  };
}

/** What an installation leaves behind, with data all over its disk, sealed. */
async function makeGolden(storage: Storage, imageId: string, gib: number, writtenGib: number): Promise<void> {
  const { folders } = await storage.prepareInstall(imageId, { ...GUEST, role: 'golden' }, null, async () => {});
  const folder = folders.storage;
  const disk = join(folder, 'data.qcow2');
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', disk, `${gib}G`]).catch((cause) => {
    throw new Error('qemu-img and qemu-io are needed: install qemu-utils', { cause });
  });
  const chunks = (writtenGib * 1024) / CHUNK_MIB;
  const apartMib = (gib * 1024) / chunks;
  const writes = Array.from({ length: chunks }, (_, n) => [
    '-c',
    `write -q -P ${(n % 255) + 1} ${n * apartMib}M ${CHUNK_MIB}M`,
  ]);
  await run('qemu-io', ['-f', 'qcow2', ...writes.flat(), disk]);
  for (const [name, bytes] of Object.entries(STATE_FILES))
    await writeFile(join(folder, name), Buffer.alloc(bytes, 0x57));
  const noTool = () => Promise.reject(new Error('qemu-img is needed: install qemu-utils'));
  await storage.seal({ imageId, vmType: '11', containerImage: 'none' }, noTool, async () => {});
}
