import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DiskBroken } from './diskBroken.js';
import { errno } from './errno.js';
import { sha256File } from './sha256File.js';
import { writeDurably } from './writeDurably.js';

const StampedFile = z.object({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/),
  size: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** These two change with every write and every replacement, so that a look at them is enough before a clone. */
  mtimeNs: z.string(),
  ino: z.string(),
});
export type StampedFile = z.infer<typeof StampedFile>;

const Manifest = z.object({
  formatVersion: z.literal(1),
  imageId: z.uuid(),
  vmType: z.string(),
  containerImage: z.string(),
  disk: StampedFile.extend({ format: z.enum(['qcow2', 'raw']), virtualSizeBytes: z.number().int().positive() }),
  /** The disk of a fresh clone: an empty qcow2 on top of the golden disk. Copied for each clone. */
  overlay: StampedFile,
  /** State files of the guest image that a clone needs copies of. */
  companions: z.array(StampedFile),
  sealedAt: z.iso.datetime(),
});
export type Manifest = z.infer<typeof Manifest>;

const FILE = 'manifest.json';

/** Every file that the manifest vouches for. */
export function filesOf(manifest: Manifest): StampedFile[] {
  return [manifest.disk, manifest.overlay, ...manifest.companions];
}

/** Undefined: there is none. @throws DiskBroken it can't be read as one. */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  const notOne = (cause: unknown) =>
    new DiskBroken(`${join(folder, FILE)} was changed: it is not a manifest any more`, { cause });
  let text: string;
  try {
    text = await readFile(join(folder, FILE), 'utf8');
  } catch (fault) {
    const code = errno(fault);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw code === 'EISDIR' ? notOne(fault) : fault;
  }
  try {
    return Manifest.parse(JSON.parse(text));
  } catch (cause) {
    throw notOne(cause);
  }
}

export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await writeDurably(join(folder, FILE), `${JSON.stringify(manifest, null, 2)}\n`, 0o444);
}

/** What `lstat` says of a file now, in the manifest's form. */
export async function lookAt(
  folder: string,
  name: string,
): Promise<Omit<StampedFile, 'sha256'> & { isFile: boolean; mode: number }> {
  const seen = await lstat(join(folder, name), { bigint: true });
  return {
    name,
    size: Number(seen.size),
    mtimeNs: String(seen.mtimeNs),
    ino: String(seen.ino),
    isFile: seen.isFile(),
    mode: Number(seen.mode),
  };
}

export async function stamp(folder: string, name: string): Promise<StampedFile> {
  const { isFile: _, mode: __, ...seen } = await lookAt(folder, name);
  return { ...seen, sha256: await sha256File(join(folder, name)) };
}
