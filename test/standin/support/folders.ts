import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { STUB_TAG } from '../buildStandIns.js';
import { docker } from '../docker.js';
import { encodeKeyValues } from '../supervisor/keyValues.js';
import type { GuestServer } from './guestServer.js';
import type { Sandbox } from './sandbox.js';

export const installQuickly = { STANDIN_INSTALL_MS: '100', STANDIN_SETUP_MS: '200' };

interface Guest {
  readonly token: string;
  readonly role: 'golden' | 'vm';
  readonly port: number;
  readonly server?: string;
  readonly fallback?: string;
}

/** A folder for /shared with the guest.cfg of one guest. */
export function makeShared(sandbox: Sandbox, { token, role, port, server, fallback }: Guest): string {
  const shared = sandbox.makeFolder('shared');
  const values = { protocol: '1', server: server ?? `http://system.lan:${port}`, fallback, id: '1', token, role };
  writeFileSync(join(shared, 'guest.cfg'), encodeKeyValues(values));
  return shared;
}

/** A folder for /oem. */
export function makeOem(sandbox: Sandbox): string {
  const oem = sandbox.makeFolder('oem');
  writeFileSync(join(oem, 'install.bat'), '@echo off\r\n');
  return oem;
}

interface Golden {
  readonly image: string;
  readonly token: string;
  readonly port: number;
  readonly sandbox: Sandbox;
  readonly server: GuestServer;
}

/** Installs, waits for the guest's word, and stops as one should. Returns the folder that /storage was. */
export async function installGolden({ image, token, port, sandbox, server }: Golden): Promise<string> {
  const storage = sandbox.makeFolder('golden');
  const mounts = [`${makeShared(sandbox, { token, role: 'golden', port })}:/shared`, `${makeOem(sandbox)}:/oem:ro`];
  const id = await sandbox.start({ image, storage, mounts, env: image === STUB_TAG ? installQuickly : {} });
  await server.waitForCall('ready', token, undefined, 120_000);
  await docker('stop', '-t', '120', id);
  expect(await docker('wait', id)).toBe('143');
  expect(await sandbox.log(id)).toContain('❯ Shutdown completed!');
  return storage;
}
