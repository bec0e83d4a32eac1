import { lstat, opendir } from 'node:fs/promises';
import type { ShareEntry, SharePage } from '../domain/share.js';
import { errno } from './errno.js';
import type { HeldFolder } from './heldFolder.js';

/**
 * A page of the first `limit` files and folders after a name, sorted by name. Whatever else there is, links for one, is left out. Memory holds a
 * few pages, however many entries the guest made.
 */
export async function listFolder(
  folder: HeldFolder,
  { after, limit }: { after?: string; limit: number },
): Promise<SharePage> {
  let names: string[] = [];
  const keepFirst = () => {
    names = names.toSorted(byCodeUnits).slice(0, limit + 1);
  };
  for await (const entry of await opendir(folder.path)) {
    if (!entry.isFile() && !entry.isDirectory()) continue;
    if (after !== undefined && entry.name <= after) continue;
    // Where bytes of a name were no UTF-8. It is not to take the place of one on the page, which would look like the last then.
    if (entry.name.includes('\uFFFD') && (await look(folder, entry.name)) === undefined) continue;
    names.push(entry.name);
    if (names.length >= 4 * limit) keepFirst();
  }
  keepFirst();
  const page = names.slice(0, limit);
  const entries = await Promise.all(page.map((name) => look(folder, name)));
  // Of the names, not of the entries: one that went meanwhile would make the page look like the last.
  const next = names.length > limit ? (page.at(-1) ?? null) : null;
  return { entries: entries.filter((entry) => entry !== undefined), next };
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
    // Too long: each byte that is no UTF-8 was read as three.
    if (errno(fault) === 'ENOENT' || errno(fault) === 'ENAMETOOLONG') return undefined;
    throw fault;
  }
}
