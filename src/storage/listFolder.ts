import { lstat, opendir } from 'node:fs/promises';
import type { ShareEntry } from '../domain/share.js';
import { errno } from './errno.js';
import type { HeldFolder } from './heldFolder.js';

/**
 * The first `limit` files and folders after a name, sorted by name. Whatever else there is, links for one, is left out. Memory holds a
 * few pages, however many entries the guest made.
 */
export async function listFolder(
  folder: HeldFolder,
  { after, limit }: { after?: string; limit: number },
): Promise<ShareEntry[]> {
  let names: string[] = [];
  const keepFirst = () => {
    names = names.toSorted(byCodeUnits).slice(0, limit);
  };
  for await (const entry of await opendir(folder.path)) {
    if (!entry.isFile() && !entry.isDirectory()) continue;
    if (after !== undefined && entry.name <= after) continue;
    names.push(entry.name);
    if (names.length >= 4 * limit) keepFirst();
  }
  keepFirst();
  const entries = await Promise.all(names.map((name) => look(folder, name)));
  return entries.filter((entry) => entry !== undefined);
}

const byCodeUnits = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Undefined: it went meanwhile, or its name is not valid UTF-8 and can't be asked for. */
async function look(folder: HeldFolder, name: string): Promise<ShareEntry | undefined> {
  try {
    const stat = await lstat(folder.at(name));
    if (!stat.isFile() && !stat.isDirectory()) return undefined;
    const kind = stat.isFile() ? 'file' : 'folder';
    return { name, kind, size: kind === 'file' ? stat.size : 0, modifiedAt: stat.mtime };
  } catch (fault) {
    if (errno(fault) === 'ENOENT') return undefined;
    throw fault;
  }
}
