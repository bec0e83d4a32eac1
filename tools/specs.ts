import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AnyAction } from '../src/actions/action.js';
import type { ReadInput } from '../src/actions/readInput.js';

/** Every verb that there is. */
export async function verbs(): Promise<AnyAction[]> {
  return (await exportsOf('actions')).filter(
    (value): value is AnyAction => typeof value === 'function' && 'spec' in value,
  );
}

/** What REST's reads are asked with. */
export async function reads(): Promise<ReadInput[]> {
  return (await exportsOf('rest')).filter(
    (value): value is ReadInput => typeof value === 'object' && value !== null && 'input' in value && 'fields' in value,
  );
}

async function exportsOf(room: string): Promise<unknown[]> {
  const folder = fileURLToPath(new URL(`../src/${room}/`, import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const modules = await Promise.all(files.sort().map((file) => import(`${folder}${file}`) as Promise<object>));
  return modules.flatMap((module) => Object.values(module) as unknown[]);
}
