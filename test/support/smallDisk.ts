import { execFileSync } from 'node:child_process';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { mkdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';

/** A real file system of its own, which only root may mount. */
export interface SmallDisk {
  /** Where it is mounted. */
  path: string;
  freeMiB: () => Promise<number>;
  /** A stranger takes what is left, to the last block, also what ext4 keeps for root; but for `leaveMiB`. */
  fill: (leaveMiB?: number) => Promise<void>;
  /** The stranger's file goes. */
  clear: () => Promise<void>;
  remove: () => Promise<void>;
}

export async function aSmallDisk(path: string, sizeMiB: number): Promise<SmallDisk> {
  const image = `${path}.ext4`;
  await mkdir(path, { recursive: true });
  execFileSync('truncate', ['-s', `${sizeMiB}M`, image]);
  execFileSync('mkfs.ext4', ['-q', '-F', '-m', '1', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image]);
  execFileSync('mount', ['-o', 'loop', image, path]);
  const stranger = join(path, 'stranger');
  const freeMiB = async () => {
    const { bavail, bsize } = await statfs(path);
    return (bavail * bsize) / 2 ** 20;
  };
  return {
    path,
    freeMiB,
    async fill(leaveMiB = 0) {
      if (leaveMiB > 0) {
        const takenMiB = Math.floor((await freeMiB()) - leaveMiB);
        execFileSync('fallocate', ['-l', `${takenMiB}M`, stranger]);
      } else appendToTheEnd(stranger);
    },
    clear: () => rm(stranger, { force: true }),
    async remove() {
      // Whoever still runs in it is ended by the test, before or after.
      execFileSync('umount', ['-l', path]);
      await rm(image);
    },
  };
}

function appendToTheEnd(path: string): void {
  const file = openSync(path, 'a');
  try {
    for (const bytes of [2 ** 20, 4096]) {
      const block = Buffer.alloc(bytes);
      try {
        for (;;) {
          writeSync(file, block);
          if (bytes === 4096) fsyncSync(file);
        }
      } catch (fault) {
        if ((fault as NodeJS.ErrnoException).code !== 'ENOSPC') throw fault;
      }
    }
  } finally {
    closeSync(file);
  }
}
