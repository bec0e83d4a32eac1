import { randomUUID } from 'node:crypto';
import { opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errno } from './errno.js';
import { HeldFolder } from './heldFolder.js';

/** How often a folder that fills again while it is emptied is tried anew. */
const MAX_ROUNDS = 100;

/**
 * Removes a file or a folder with all that is in it, following no link and however deep it is: each folder in it is first moved up into
 * `aside`, a folder of ours on the same file system, where its name begins with that of the whole: a removal that ended in its middle is
 * found by it. Gone is fine.
 */
export async function removeTree(path: string, aside: string): Promise<void> {
  const place = () => join(aside, `${basename(path)}-${randomUUID()}`);
  const left = [path];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (await removeUnlessFolder(next)) continue;
    // One by one: a guest makes more folders in one than a call takes arguments.
    for (const folder of await removeFolder(next, place)) left.push(folder);
  }
}

/** Empties and removes one folder; answers where the folders went that were in it. */
async function removeFolder(path: string, newPlace: () => string): Promise<string[]> {
  const moved: string[] = [];
  for (let round = 1; ; round++) {
    const folder = await HeldFolder.open(path).catch((fault: unknown) => {
      if (errno(fault) === 'ENOENT') return undefined;
      throw fault;
    });
    if (folder === undefined) return moved;
    try {
      const entries = (await opendir(folder.path, {
        encoding: 'buffer' as BufferEncoding,
      })) as unknown as AsyncIterable<{
        name: Buffer;
      }>;
      for await (const { name } of entries) {
        // Bytes, not text: a name need not be valid UTF-8 in order to be removed.
        const place = Buffer.concat([Buffer.from(`${folder.path}/`), name]);
        if (await removeUnlessFolder(place)) continue;
        const out = newPlace();
        if (await renameIfThere(place, out)) moved.push(out);
      }
    } finally {
      await folder.close();
    }
    try {
      await rmdir(path);
      return moved;
    } catch (fault) {
      if (errno(fault) === 'ENOENT') return moved;
      if (errno(fault) !== 'ENOTEMPTY' || round === MAX_ROUNDS) throw fault;
    }
  }
}

async function renameIfThere(from: Buffer, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (fault) {
    if (errno(fault) === 'ENOENT') return false;
    throw fault;
  }
}

/** False: it is a folder, and still there. */
async function removeUnlessFolder(path: string | Buffer): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (fault) {
    if (errno(fault) === 'ENOENT') return true;
    if (errno(fault) === 'EISDIR' || errno(fault) === 'EPERM') return false;
    throw fault;
  }
}
