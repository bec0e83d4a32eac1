import { randomFill } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LIMITS } from '../domain/limits.js';

export const BALLAST_BYTES = LIMITS.databaseReserveBytes.value;
const NAMES = ['1', '2', '3', '4'];
/** What is given up at once: more than a segment of the write-ahead log (16 MiB). */
export const FILE_BYTES = BALLAST_BYTES / NAMES.length;
/** One that is being made. */
const DRAFT = 'draft';
const CHUNK_BYTES = 2 ** 20;
const fillWithNoise = promisify(randomFill);

/**
 * Files that hold room on a disk. They are full of noise and forced to the disk: a file system that compresses, shares blocks or leaves
 * holes holds as much for them. What is there is read from the folder each time, so a crash at any point, or another server on the same
 * folder, changes nothing.
 */
export class Ballast {
  constructor(readonly folder: string) {}

  /** Bytes that are held now. */
  async held(): Promise<number> {
    return (await this.#names()).length * FILE_BYTES;
  }

  /** Removes one. False: there is none. */
  async drop(): Promise<boolean> {
    const last = (await this.#names()).at(-1);
    await rm(join(this.folder, DRAFT), { force: true });
    if (last !== undefined) await rm(join(this.folder, last), { force: true });
    return last !== undefined;
  }

  /** Makes one that is missing. It gets its name only when whole; what a crash left of a draft is written over. */
  async add(signal: AbortSignal): Promise<void> {
    const held = await this.#names();
    const name = NAMES.find((one) => !held.includes(one));
    if (name === undefined) return;
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const draft = join(this.folder, DRAFT);
    try {
      const file = await open(draft, 'w', 0o600);
      try {
        const chunk = Buffer.alloc(CHUNK_BYTES);
        for (let written = 0; written < FILE_BYTES; written += CHUNK_BYTES) {
          signal.throwIfAborted();
          await fillWithNoise(chunk);
          await file.write(chunk, 0, CHUNK_BYTES, written);
        }
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, join(this.folder, name));
    } catch (err) {
      await rm(draft, { force: true });
      throw err;
    }
  }

  async #names(): Promise<string[]> {
    const names = await readdir(this.folder).catch(() => []);
    return names.filter((name) => NAMES.includes(name)).toSorted();
  }
}
