import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { errno } from './errno.js';

/** What stands at a path, links not followed; undefined: nothing. */
export async function lstatIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (fault) {
    if (errno(fault) === 'ENOENT') return undefined;
    throw fault;
  }
}
