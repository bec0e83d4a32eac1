import { z } from 'zod';
import { DiskBroken } from './diskBroken.js';
import type { QemuImg } from './qemuImg.js';

const Info = z.object({
  'virtual-size': z.number().int().positive(),
  format: z.enum(['qcow2', 'raw']),
  'backing-filename': z.string().optional(),
});

/** Leaked clusters only waste space; qemu-img says 3 for them. */
const CHECK_PASSED: readonly number[] = [0, 3];

/**
 * Virtual size in bytes of a disk that is whole and stands by itself.
 * @throws DiskBroken  it is damaged, or not a disk of this format.
 */
export async function examineDisk(
  qemuImg: QemuImg,
  folder: string,
  file: string,
  format: 'qcow2' | 'raw',
): Promise<number> {
  const told = await qemuImg(['info', '--output=json', '-f', format, file], folder, 'ro');
  if (told.code !== 0) throw refused(`qemu-img info ${file}`, told.stderr);
  const info = Info.parse(JSON.parse(told.stdout));
  if (info['backing-filename'] !== undefined) {
    throw new DiskBroken(`${file} is an overlay on ${info['backing-filename']}: a golden image must stand by itself`);
  }
  if (format === 'qcow2') {
    const checked = await qemuImg(['check', '-q', '-f', format, file], folder, 'ro');
    if (!CHECK_PASSED.includes(checked.code)) {
      throw refused(`qemu-img check ${file}`, checked.stderr || checked.stdout || `exit code ${checked.code}`);
    }
  }
  return info['virtual-size'];
}

function refused(what: string, words: string): Error {
  const message = `${what}: ${words.trim().slice(0, 500)}`;
  // Something still has the disk open: that passes, so it is not the disk that is broken.
  return /Failed to get .* lock/.test(words) ? new Error(message) : new DiskBroken(message);
}
