import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Sets or clears the file system's "immutable" attribute on a folder and the files in it, which holds back even root.
 * Not every file system has it and not every process may set it: then answers why not.
 */
export async function setImmutable(folder: string, on: boolean): Promise<string | undefined> {
  const files = (await readdir(folder)).map((name) => join(folder, name));
  // The folder's own attribute would not let its files' entries change: first off, last on.
  const paths = on ? [...files, folder] : [folder, ...files];
  return new Promise((resolve) => {
    execFile('chattr', [on ? '+i' : '-i', '--', ...paths], { timeout: 30_000 }, (fault, _stdout, stderr) => {
      resolve(fault === null ? undefined : (stderr.split('\n')[0] || fault.message).slice(0, 300));
    });
  });
}
