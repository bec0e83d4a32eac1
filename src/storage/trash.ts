import { randomUUID } from 'node:crypto';
import { readdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errno } from './errno.js';
import type { Layout } from './layout.js';
import { lstatIfThere } from './lstatIfThere.js';
import { removeTree } from './removeTree.js';

/** Empties a folder with the rights of root: containers leave folders of root's behind, which another user can't empty. */
export type EmptyAsRoot = (folder: string) => Promise<void>;

/**
 * Removes a folder: out of sight at once by a rename, then for good. Gone is fine. Links in it are removed, not followed.
 * Resolves when it is seen to be gone.
 */
export async function discard(layout: Layout, folder: string, emptyAsRoot?: EmptyAsRoot): Promise<void> {
  const grave = join(layout.trash, `${basename(folder)}-${randomUUID()}`);
  try {
    await rename(folder, grave);
  } catch (fault) {
    if (errno(fault) === 'ENOENT') return;
    throw fault;
  }
  await removeForGood(grave, emptyAsRoot);
  if (await lstatIfThere(folder)) throw new Error(`${folder} is still there after its removal`);
}

/** Finishes removals that were killed in the middle: all, or those of what was called `name`. */
export async function emptyTrash(layout: Layout, emptyAsRoot?: EmptyAsRoot, name = ''): Promise<void> {
  const faults: unknown[] = [];
  for (const grave of await readdir(layout.trash)) {
    if (!grave.startsWith(name)) continue;
    await removeForGood(join(layout.trash, grave), emptyAsRoot).catch((fault: unknown) => faults.push(fault));
  }
  if (faults.length > 0) throw faults[0];
}

/** Not by a rename first: what is in the trash already. However deep it is: a guest makes folders that no path is long enough for. */
export async function removeForGood(path: string, emptyAsRoot?: EmptyAsRoot): Promise<void> {
  const [trash, name] = [dirname(path), basename(path)];
  try {
    await removeTree(path, trash);
  } catch (fault) {
    if (!emptyAsRoot) throw fault;
    // Parts of it lie beside it by now.
    for (const part of (await readdir(trash)).filter((one) => one.startsWith(name))) {
      await emptyAsRoot(join(trash, part));
      await removeTree(join(trash, part), trash);
    }
  }
  if (await lstatIfThere(path)) throw new Error(`${path} is still there after its removal`);
}
