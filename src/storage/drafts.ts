import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errno } from './errno.js';
import { lstatIfThere } from './lstatIfThere.js';
import { removeTree } from './removeTree.js';

/** What nobody has written to for this long is nobody's: an upload that stalls is given up in a fraction of it. Milliseconds. */
const STALE_MS = 10 * 60_000;

/** A process of this machine, told apart from all others that were and will be. */
interface Owner {
  /** One start of the machine, and in it one numbering of processes: a container has its own. */
  world: string;
  pid: string;
  /** When it started, in the kernel's ticks. */
  started: string;
}

/** A new place for something half-done in `folder`, which is made when missing. Its name says whose it is. */
export async function draftIn(folder: string): Promise<string> {
  await mkdir(folder, { mode: 0o700 }).catch((fault: unknown) => {
    if (errno(fault) !== 'EEXIST') throw fault;
  });
  const { world, pid, started } = await whoWeAre();
  return join(folder, `${world}_${pid}_${started}_${randomUUID()}`);
}

/** Removes what ended processes left half-done in `folder`; what may still be worked on stays. */
export async function sweepDrafts(folder: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (fault) {
    if (errno(fault) === 'ENOENT' || errno(fault) === 'ENOTDIR') return;
    throw fault;
  }
  if (names.length === 0) return;
  const own = await whoWeAre();
  for (const name of names) {
    if (await isLeft(join(folder, name), name, own)) await removeTree(join(folder, name), folder);
  }
}

async function isLeft(path: string, name: string, own: Owner): Promise<boolean> {
  const [world = '', pid = '', started = ''] = name.split('_');
  if (world === own.world) return (await startOf(pid)) !== started;
  // Of another machine on the same disk, or of this one before it was started anew: its processes are not ours to see.
  const found = await lstatIfThere(path);
  return found !== undefined && Date.now() - found.mtimeMs > STALE_MS;
}

async function whoWeAre(): Promise<Owner> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const numbering = /\d+/.exec(await readlink('/proc/self/ns/pid'))?.[0] ?? '0';
  const pid = String(process.pid);
  return { world: `${boot}-${numbering}`, pid, started: (await startOf(pid)) ?? '0' };
}

/** Undefined: there is no such process. */
async function startOf(pid: string): Promise<string | undefined> {
  if (!/^\d+$/.test(pid)) return undefined;
  try {
    // The name of the program, in brackets, may hold anything; the 20th field after it is the start.
    return (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ')[19];
  } catch {
    return undefined;
  }
}
