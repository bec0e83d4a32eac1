import { vmTypeFacts } from './vmTypes.js';

/** What pools and lines of golden images may be called. */
export const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/** Where it is named by nothing else. */
export const DEFAULT_VM_TYPE = '11';

/** Whether a pool or a line of this vmType may be called so: what bears a vmType's name is that vmType's default. */
export function mayBear(name: string, vmType: string): boolean {
  return name === vmType || vmTypeFacts(name) === undefined;
}

/** A kind of thing that is named by an id. */
export type Kind = 'Vm' | 'GoldenImage' | 'Assignment' | 'Command';
