import { randomUUID } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errno } from './errno.js';
import type { Layout } from './layout.js';
import { lstatIfThere } from './lstatIfThere.js';

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
  for (const grave of await readdir(layout.trash)) {
    if (grave.startsWith(name)) await removeForGood(join(layout.trash, grave), emptyAsRoot);
  }
}

/** Not by a rename first: what is in the trash already. */
export async function removeForGood(path: string, emptyAsRoot?: EmptyAsRoot): Promise<void> {
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 50 });
  try {
    await remove();
  } catch (fault) {
    // Whatever the code: Node's removal answers a missing right with several, ENOTDIR among them.
    if (!emptyAsRoot) throw fault;
    await emptyAsRoot(path);
    await remove();
  }
  if (await lstatIfThere(path)) throw new Error(`${path} is still there after its removal`);
}
