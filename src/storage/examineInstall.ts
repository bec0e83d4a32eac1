import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskBroken } from './diskBroken.js';

export interface Installed {
  disk: string;
  format: 'qcow2' | 'raw';
  /** State files that each clone needs its own copy of. */
  companions: string[];
}

/**
 * Not for a clone: its own MAC is given to it; without `windows.base` the image never compares VERSION and so never
 * reinstalls; the rest are media.
 */
const LEFT_OUT = /^windows\.(mac|base)$|\.iso$|setup\.img$/;
const STATE_FILE = /^windows(_secure)?\.[A-Za-z0-9._-]+$/;

/**
 * Reads by its marker files what an installation left in `folder`.
 * @throws DiskBroken  it is not one that a clone can be made of.
 */
export async function examineInstall(folder: string): Promise<Installed> {
  const files = (await readdir(folder, { withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
  const has = (name: string): boolean => files.includes(name);

  if (has('windows.img') || has('windows.system')) {
    throw new DiskBroken(
      'Windows 95, 98 and ME keep their disk in another form (windows.img), which can not be cloned',
    );
  }
  if (!has('windows.boot')) {
    throw new DiskBroken(
      'windows.boot is missing: the guest was not shut down cleanly after it had booted from its own disk',
    );
  }
  const disk = ['data.qcow2', 'data.img'].find(has);
  if (disk === undefined) throw new DiskBroken('there is no disk: neither data.qcow2 nor data.img');

  const mode = has('windows.mode') ? (await readFile(join(folder, 'windows.mode'), 'utf8')).trim() : 'windows';
  if (mode !== 'windows_legacy') {
    const prefix = mode === 'windows_secure' ? 'windows_secure' : 'windows';
    const lost = ['vars', 'rom'].map((end) => `${prefix}.${end}`).find((name) => !has(name));
    if (lost !== undefined) throw new DiskBroken(`${lost} is missing: without it the firmware does not find Windows`);
  }
  return {
    disk,
    format: disk === 'data.qcow2' ? 'qcow2' : 'raw',
    companions: files.filter((name) => STATE_FILE.test(name) && !LEFT_OUT.test(name)).toSorted(),
  };
}
