import { vmTypeFacts } from './vmTypes.js';

/** A name of up to so many characters that is the same in a path and in a URL. */
export const nameUpTo = (characters: number): RegExp => new RegExp(`^[a-z0-9][a-z0-9._-]{0,${characters - 1}}$`);

/** Where it is named by nothing else. */
export const DEFAULT_VM_TYPE = '11';

/** Whether a pool or a line of this vmType may be called so: what bears a vmType's name is that vmType's default. */
export function mayBear(name: string, vmType: string): boolean {
  return name === vmType || vmTypeFacts(name) === undefined;
}

/** A kind of thing that is named by an id. */
export type Kind = 'Vm' | 'GoldenImage' | 'Assignment' | 'Command';
