import { link, lstat, rename } from 'node:fs/promises';
import { Conflict } from '../domain/errors.js';
import { AlreadyThere, type SharePath } from '../domain/share.js';
import { errno } from './errno.js';

/** The file system has no hard links, or not for us. */
const NO_LINKS: readonly (string | undefined)[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

/** What can be known before the first byte came. */
export async function refuseAhead(place: string, path: SharePath, replace: boolean): Promise<Conflict | undefined> {
  const there = await lstat(place).catch(() => undefined);
  if (there?.isDirectory()) return isAFolder(path);
  return there === undefined || replace ? undefined : new AlreadyThere(path);
}

/** Moves the draft to its place at once. A link, unlike a rename, never replaces. */
export async function publishFile(
  draft: string,
  place: string,
  path: SharePath,
  replace: boolean,
): Promise<{ replaced: boolean } | Conflict> {
  try {
    try {
      await link(draft, place);
      return { replaced: false };
    } catch (fault) {
      const there = errno(fault) === 'EEXIST' || (await lstat(place).catch(() => undefined)) !== undefined;
      if (errno(fault) !== 'EEXIST' && !NO_LINKS.includes(errno(fault))) throw fault;
      if (there && !replace) return (await refuseAhead(place, path, false)) ?? new AlreadyThere(path);
      await rename(draft, place);
      return { replaced: there };
    }
  } catch (fault) {
    if (['EISDIR', 'ENOTEMPTY'].includes(errno(fault) ?? '')) return isAFolder(path);
    throw fault;
  }
}

const isAFolder = (path: SharePath) =>
  new Conflict(`${JSON.stringify(path.join('/'))} is a folder`, 'Take another name, or remove the folder first.');
