import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The topmost folder above `path` that is on the same file system: where that is mounted, for people who look for it in `df`. */
export async function mountPoint(path: string): Promise<string> {
  const { dev } = await stat(path);
  for (let here = path; ; here = dirname(here)) {
    const above = join(here, '..');
    if (above === here || (await stat(above)).dev !== dev) return here;
  }
}
