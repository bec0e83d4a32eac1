import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AnyAction } from '../../src/actions/action.js';

const folder = fileURLToPath(new URL('../../src/actions/', import.meta.url));

/** Every verb that there is. */
export async function verbs(): Promise<AnyAction[]> {
  const modules = await Promise.all(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => import(`${folder}${file}`)),
  );
  return modules.flatMap((module) =>
    Object.values(module).filter((value) => typeof value === 'function' && 'spec' in value),
  ) as AnyAction[];
}

/** The name of any of their fields that is no word, where it stands by itself and not in quotes, as columns do. */
export async function aFieldName(): Promise<RegExp> {
  const names = (await verbs()).flatMap(({ fields }) => [...fields.keys()]).filter((name) => /[A-Z]/.test(name));
  return new RegExp(`(?<!")\\b(?:${[...new Set(names)].join('|')})\\b(?!")`);
}
