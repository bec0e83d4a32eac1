import { execFile } from 'node:child_process';

/** What cannot be counted in this time has so many files that the next try is as good. */
const LIMIT_MS = 20_000;

/**
 * How much each of these folders holds on the disk, in bytes, by the path that was given. By `du`, which is not led astray by a
 * guest that swaps folders for links meanwhile. A folder that can't be counted, or is gone, is left out.
 */
export function folderSizes(folders: readonly string[]): Promise<Map<string, number>> {
  if (folders.length === 0) return Promise.resolve(new Map());
  return new Promise((resolve) => {
    execFile('du', ['-skx', '--', ...folders], { timeout: LIMIT_MS, maxBuffer: 16 * 2 ** 20 }, (_fault, stdout) => {
      const lines = stdout.split('\n').flatMap((line) => {
        const [, kib, path] = /^(\d+)\t(.+)$/.exec(line) ?? [];
        return kib !== undefined && path !== undefined ? [[path, Number(kib) * 1024] as const] : [];
      });
      resolve(new Map(lines));
    });
  });
}
