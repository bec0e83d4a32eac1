import type { Kind } from '../domain/names.js';
import type { FieldName } from '../domain/prose.js';

/** What names a thing, as the prototype had it. */
const IDS: Readonly<Record<Kind, string>> = {
  Vm: 'instance_id',
  GoldenImage: 'golden_id',
  Assignment: 'assignment_id',
  Command: 'command_id',
};

/** What a field of an action's input is called here: `ramMiB` is `ram_mib`, and what names a VM is its `instance_id`. */
export function nameHere({ field, names }: FieldName): string {
  if (names !== undefined) return IDS[names];
  return field.replace(/MiB|GiB|[A-Z]/g, (part) => `_${part.toLowerCase()}`);
}
