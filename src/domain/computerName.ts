import { createHash } from 'node:crypto';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** A computer name for this VM's own: 15 characters, as NetBIOS has them. Another attempt is another name. */
export function computerName(vmId: string, attempt: number): string {
  const bytes = createHash('sha256').update(`${vmId} ${attempt}`).digest();
  return `VM-${Array.from(bytes.subarray(0, 12), (byte) => BASE32[byte % 32]).join('')}`;
}
