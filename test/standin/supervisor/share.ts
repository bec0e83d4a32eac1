import { accessSync, chmodSync, chownSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from './settings.js';
import type { Storage } from './storage.js';

/** The folder that the guest sees as \\host.lan\Data; undefined when there is none or SAMBA is off. */
export function shareFolder(settings: Settings, storage: Storage): string | undefined {
  if (!settings.isOn('SAMBA', true)) return undefined;
  const candidates = ['/shared', storage.path('shared'), '/data', storage.path('data')];
  return candidates.find((path) => existsSync(path) && statSync(path).isDirectory());
}

/** An empty shared folder is changed, as the real image does: open to all, and no longer root's. */
export function initializeShare(folder: string): void {
  try {
    accessSync(folder, constants.W_OK);
    if (readdirSync(folder).length > 0) return;
    chmodSync(folder, 0o2777);
    if (statSync(folder).uid === 0) chownSync(folder, 1000, 1000);
  } catch {
    // Read-only: exported read-only.
  }
}

export function readShared(folder: string | undefined, name: string): string | undefined {
  if (!folder) return undefined;
  try {
    return readFileSync(join(folder, name), 'utf8');
  } catch {
    return undefined;
  }
}
