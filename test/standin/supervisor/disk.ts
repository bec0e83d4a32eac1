import { statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { findDisk } from './decision.js';
import { Failure } from './failure.js';
import { log } from './log.js';
import { qemuImg } from './qemuImg.js';
import type { Settings } from './settings.js';
import { diskBytes, gb } from './sizes.js';
import type { Storage } from './storage.js';

export interface Disk {
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
  readonly cache: string;
  readonly io: string;
}

type Tell = (message: string) => void;

/** Creates, grows or converts the first disk as DISK_SIZE and DISK_FMT ask, and names the drive's options. */
export async function prepareDisk(settings: Settings, storage: Storage, tell: Tell): Promise<Disk> {
  const wantedFormat = settings.text('DISK_FMT').toLowerCase();
  if (wantedFormat && wantedFormat !== 'raw' && wantedFormat !== 'qcow2') {
    throw new Failure(78, `Invalid DISK_FMT: ${wantedFormat}`);
  }
  if (!/^(ide|sata|nvme|usb|scsi|blk|auto|none)$/i.test(settings.text('DISK_TYPE', 'scsi'))) {
    throw new Failure(80, `Invalid DISK_TYPE specified, value "${settings.text('DISK_TYPE')}" is not recognized!`);
  }
  const sizeText = settings.text('DISK_SIZE', '64G');
  const bytes = wantedBytes(sizeText, storage);
  if (bytes === undefined) log.error(`Invalid value for DISK_SIZE: ${sizeText}`);

  let disk = findDisk(storage, wantedFormat);
  if (!disk) {
    const format = wantedFormat === 'qcow2' ? 'qcow2' : 'raw';
    await create(storage, format, bytes, settings.text('DISK_FLAGS'), tell);
    disk = { name: format === 'raw' ? 'data.img' : 'data.qcow2', format };
  } else {
    const current = await virtualSize(storage.path(disk.name), disk.format);
    if (bytes !== undefined && bytes > current) await grow(storage.path(disk.name), disk.format, current, bytes, tell);
    if (bytes !== undefined && bytes < current) {
      log.info(
        `You decreased the DISK_SIZE variable to ${sizeText} but shrinking disks is not supported, will be ignored...`,
      );
    }
    if (wantedFormat && wantedFormat !== disk.format) disk = await convert(storage, disk.name, tell);
  }
  storage.own(disk.name);
  return { path: storage.path(disk.name), format: disk.format, ...driveOptions(settings) };
}

function wantedBytes(text: string, storage: Storage): number | undefined {
  if (!/^(max|half)$/i.test(text)) return diskBytes(text);
  const { bavail, bsize } = statfsSync(storage.folder);
  const free = bavail * bsize - 2 * 1024 ** 3;
  return Math.floor((/max/i.test(text) ? free : free / 2) / 1024 ** 3) * 1024 ** 3 || undefined;
}

async function create(storage: Storage, format: 'raw' | 'qcow2', bytes: number | undefined, flags: string, tell: Tell) {
  if (bytes === undefined) throw new Failure(77, 'Failed to create disk image, no valid size.');
  tell('Creating a disk image...');
  log.info(`Creating a ${gb(bytes)} growable disk image in ${format} format...`);
  if (format === 'raw') {
    writeFileSync(storage.path('data.img'), '');
    truncateSync(storage.path('data.img'), bytes);
    return;
  }
  const options = ['-o', flags || 'lazy_refcounts=off,preallocation=off'];
  const made = await qemuImg('create', '-q', '-f', 'qcow2', ...options, storage.path('data.qcow2'), String(bytes));
  if (!made.ok) throw new Failure(70, `Could not create a qcow2 image: ${made.stderr}`);
}

async function virtualSize(path: string, format: string): Promise<number> {
  const info = await qemuImg('info', '-f', format, '--output=json', path);
  const size = info.ok && (JSON.parse(info.stdout) as Record<string, unknown>)['virtual-size'];
  if (typeof size === 'number') return size;
  process.stderr.write(`${info.stderr}\n`);
  throw new Failure(71, `Failed to determine virtual size of ${path}`);
}

async function grow(path: string, format: string, from: number, to: number, tell: Tell): Promise<void> {
  tell(`Resizing disk from ${gb(from)} to ${gb(to)}...`);
  log.info(`Resizing disk from ${gb(from)} to ${gb(to)}...`);
  const resized = await qemuImg('resize', '-f', format, path, String(to));
  if (!resized.ok) throw new Failure(72, `Failed to resize the disk image to ${gb(to)}: ${resized.stderr}`);
  log.plain('Image resized.');
}

/** The trap of a stray DISK_FMT: a clone's overlay becomes a full image and the overlay is deleted. */
async function convert(storage: Storage, name: string, tell: Tell): Promise<{ name: string; format: 'raw' | 'qcow2' }> {
  const toRaw = name === 'data.qcow2';
  const format = toRaw ? 'raw' : 'qcow2';
  const target = toRaw ? 'data.img' : 'data.qcow2';
  tell(`Converting disk to ${format}...`);
  log.info(`Converting disk to ${format}...`);
  const flags = toRaw ? ['-O', 'raw'] : ['-c', '-O', 'qcow2'];
  const [from, to] = [storage.path(name), storage.path(`${target}.tmp`)];
  const converted = await qemuImg('convert', '-f', toRaw ? 'qcow2' : 'raw', ...flags, from, to);
  if (!converted.ok) throw new Failure(79, `Failed to convert disk to ${format}: ${converted.stderr}`);
  storage.rename(`${target}.tmp`, target);
  storage.remove(name);
  return { name: target, format };
}

function driveOptions(settings: Settings): { cache: string; io: string } {
  const cache = settings.text('DISK_CACHE', 'none').toLowerCase();
  let io = settings.text('DISK_IO', 'native').toLowerCase();
  if (io === 'native' && cache !== 'none' && cache !== 'directsync') {
    log.warn(`DISK_IO=native is incompatible with DISK_CACHE=${cache}, switching to threads.`);
    io = 'threads';
  }
  return { cache, io };
}
