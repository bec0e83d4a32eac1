import { chmod, constants, type FileHandle, mkdir, open } from 'node:fs/promises';
import type { SharePath } from '../domain/share.js';
import { errno } from './errno.js';

/** Names a file without opening it: no device is woken and no pipe waits. The number is the same on x86 and ARM. */
export const O_PATH = 0o10000000;
const FOLDER = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** As the share of the guest image makes them: the guest and this server, whoever they run as, both change what is in it. */
const FOLDER_MODE = 0o2777;

/**
 * A folder that is held open. What is reached through it is in this very folder, whatever its path has come to mean: where another
 * program renames folders and puts links in their place, no path of more than one name can be trusted.
 */
export class HeldFolder {
  private constructor(readonly handle: FileHandle) {}

  /** Its own path, for as long as it is held. */
  get path(): string {
    return `/proc/self/fd/${this.handle.fd}`;
  }

  /** Path of what is called `name` in it. The last step of whoever uses it must not follow links. */
  at(name: string): string {
    return `${this.path}/${name}`;
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  /** @throws ENOENT, or ENOTDIR where something else stands, a link for one. */
  static async open(path: string): Promise<HeldFolder> {
    return new HeldFolder(await open(path, FOLDER));
  }
}

/** Goes down from `root`, name by name, through folders only. `make`: those that are missing are made. */
export async function holdFolder(
  root: string,
  names: SharePath,
  make = false,
): Promise<HeldFolder | 'missing' | 'not a folder'> {
  let folder: HeldFolder | undefined;
  try {
    folder = await HeldFolder.open(root);
    for (const name of names) {
      const above: HeldFolder = folder;
      const made = make && (await makeFolder(above.at(name)));
      try {
        folder = await HeldFolder.open(above.at(name));
      } finally {
        await above.close();
      }
      if (made) await chmod(folder.path, FOLDER_MODE); // the process's umask took from it
    }
    return folder;
  } catch (fault) {
    await folder?.close().catch(() => {}); // of the folder above it may have been closed already
    const code = errno(fault);
    if (code === 'ENOENT' || code === 'ENAMETOOLONG') return 'missing';
    if (code === 'ENOTDIR' || code === 'ELOOP') return 'not a folder';
    throw fault;
  }
}

async function makeFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path, FOLDER_MODE);
    return true;
  } catch (fault) {
    if (errno(fault) === 'EEXIST') return false;
    throw fault;
  }
}
