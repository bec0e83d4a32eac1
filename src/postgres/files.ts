import * as fs from 'node:fs/promises';

/** Empty when there is no such file, or none for us. */
export function readText(path: string): Promise<string> {
  return fs.readFile(path, 'utf8').catch(() => '');
}

/** Links that lead nowhere included. */
export async function exists(path: string): Promise<boolean> {
  return (await fs.lstat(path).catch(() => undefined)) !== undefined;
}
