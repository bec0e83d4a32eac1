import { readdir } from 'node:fs/promises';
import { errno } from './errno.js';

/** What is in a folder; nothing where there is none. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (fault) {
    if (errno(fault) === 'ENOENT') return [];
    throw fault;
  }
}
