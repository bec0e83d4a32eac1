import { createHash } from 'node:crypto';

/** The network address of a machine: locally administered, unicast, and the same whenever it is asked for this id. */
export function macOf(id: string): string {
  const bytes = createHash('sha256').update(id).digest().subarray(0, 5);
  return ['02', ...Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))].join(':').toUpperCase();
}
