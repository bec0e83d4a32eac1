import { closeSync, existsSync, openSync, readFileSync, readSync, rmSync, statSync } from 'node:fs';
import { log } from './log.js';
import { qemuImg } from './qemuImg.js';
import { runtimeFile } from './runtimeFile.js';
import type { Storage } from './storage.js';

const probedBytes = 100 * 1024;

export interface Medium {
  /** What `windows.base` holds after an installation from it. */
  readonly name: string;
  /** The user's own ISO; undefined: downloaded to /storage under `name`. */
  readonly customPath: string | undefined;
}

export type Decision = { do: 'boot' } | { do: 'install'; keepBackupAs: string | undefined };

/** "Already installed, just boot" or "install": the rules of the real image, with their traps. */
export async function decide(storage: Storage, medium: Medium, diskFormat: string): Promise<Decision> {
  const base = storage.read('windows.base');
  const complete = async () => storage.has('windows.boot') && (await hasDiskWithData(storage, diskFormat));

  if (base && base.toLowerCase() !== medium.name.toLowerCase()) {
    const done = await complete();
    if (done && /^windows\.\d+\.iso$/i.test(base) && !medium.customPath) {
      log.info('Detected that your custom .iso file was removed, will be ignored.');
      return { do: 'boot' };
    }
    return { do: 'install', keepBackupAs: done ? base.replace(/\.iso$/i, '') : undefined };
  }
  if (base && (storage.has('windows.img') || storage.has('windows.system'))) return { do: 'boot' };
  return (await complete()) ? { do: 'boot' } : { do: 'install', keepBackupAs: undefined };
}

/** The disk that a start would use, or undefined. An empty file does not count. */
export function findDisk(storage: Storage, diskFormat: string): { name: string; format: 'raw' | 'qcow2' } | undefined {
  const img = { name: 'data.img', format: 'raw' } as const;
  const qcow2 = { name: 'data.qcow2', format: 'qcow2' } as const;
  const order = diskFormat.toLowerCase() === 'raw' ? [img, qcow2] : [qcow2, img];
  return order.find((disk) => storage.sizeOf(disk.name) > 0);
}

/** Whether the first 100 KiB as the guest sees them hold anything. A disk that cannot be read counts as full. */
async function hasDiskWithData(storage: Storage, diskFormat: string): Promise<boolean> {
  const disk = findDisk(storage, diskFormat);
  if (!disk) return false;
  const path = storage.path(disk.name);
  if (disk.format === 'raw') return !isBlank(readStart(path));

  const sample = runtimeFile.path('standin.probe');
  const dd = await qemuImg('dd', '-f', 'qcow2', '-O', 'raw', 'bs=1024', 'count=100', `if=${path}`, `of=${sample}`);
  if (!dd.ok || !existsSync(sample)) {
    log.warn(`failed to inspect disk "${path}", assuming it contains data.`);
    return true;
  }
  const blank = isBlank(readFileSync(sample));
  rmSync(sample);
  return !blank;
}

function readStart(path: string): Buffer {
  const buffer = Buffer.alloc(Math.min(probedBytes, statSync(path).size));
  const fd = openSync(path, 'r');
  readSync(fd, buffer, 0, buffer.length, 0);
  closeSync(fd);
  return buffer;
}

function isBlank(buffer: Buffer): boolean {
  return buffer.every((byte) => byte === 0);
}
