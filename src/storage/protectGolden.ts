import { chmod, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errno } from './errno.js';
import { setImmutable } from './immutable.js';

/** Makes a golden folder read-only, for root too where the file system can. Answers why not, where it can't. */
export async function protectGolden(folder: string): Promise<string | undefined> {
  for (const name of await readdir(folder)) await chmodUnlessSo(join(folder, name), 0o444);
  await chmodUnlessSo(folder, 0o555);
  return setImmutable(folder, true);
}

/** The opposite: after it the folder can be changed, renamed and removed. */
export async function unprotectGolden(folder: string): Promise<void> {
  await setImmutable(folder, false); // where it fails it was not set either, or the chmod below says so
  await chmodUnlessSo(folder, 0o755);
}

/** An immutable file refuses even the mode that it has already. */
async function chmodUnlessSo(path: string, mode: number): Promise<void> {
  try {
    await chmod(path, mode);
  } catch (fault) {
    if (errno(fault) !== 'EPERM' || ((await lstat(path)).mode & 0o777) !== mode) throw fault;
  }
}
