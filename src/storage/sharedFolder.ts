import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What the guest reads at every start in order to find its server. */
export interface GuestConfig {
  /** URL of the server as the guest reaches it. */
  server: string;
  id: string;
  /** A secret, good for this one machine. */
  token: string;
  role: 'golden' | 'vm';
}

/** Makes the folder that the guest sees as \\host.lan\Data. The container's root reads and writes it. */
export async function makeSharedFolder(folder: string, config: GuestConfig): Promise<void> {
  for (const path of [folder, join(folder, 'in'), join(folder, 'out')]) await mkdir(path);
  await writeFile(join(folder, 'guest.cfg'), guestConfigText(config), { flag: 'wx', mode: 0o644 });
}

/** One `key=value` a line, values percent-encoded, so that a batch file can read it. */
export function guestConfigText({ server, id, token, role }: GuestConfig): string {
  return Object.entries({ server, id, token, role })
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}\n`)
    .join('');
}
