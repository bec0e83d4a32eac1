import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keyValueLines } from '../primitives/keyValueLines.js';

/** What the guest reads at every start in order to find its server. */
export interface GuestConfig {
  /** URL of the server as the guest reaches it, and another for a guest in user-mode networking. */
  server: string;
  fallback?: string;
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

/** The newest version of the guest protocol (oem/PROTOCOL.md) that this server speaks. */
const PROTOCOL = '1';

function guestConfigText({ server, fallback, id, token, role }: GuestConfig): string {
  return keyValueLines({ protocol: PROTOCOL, server, ...(fallback !== undefined && { fallback }), id, token, role });
}
