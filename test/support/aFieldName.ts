import { verbs } from '../../tools/specs.js';

/** The name of any verb's field that is no word, where it stands by itself and not in quotes, as columns do. */
export async function aFieldName(): Promise<RegExp> {
  const names = (await verbs()).flatMap(({ fields }) => [...fields.keys()]).filter((name) => /[A-Z]/.test(name));
  return new RegExp(`(?<!")\\b(?:${[...new Set(names)].join('|')})\\b(?!")`);
}
