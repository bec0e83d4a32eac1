import { join } from 'node:path';
import type { Logger } from '../log.js';
import { DiskBroken } from './diskBroken.js';
import { errno } from './errno.js';
import type { Layout } from './layout.js';
import { filesOf, lookAt, type Manifest, readManifest, type StampedFile, writeManifest } from './manifest.js';
import { protectGolden, unprotectGolden } from './protectGolden.js';
import { sha256File } from './sha256File.js';

const WRITABLE = 0o222;

export interface GoldenLooks {
  manifest: Manifest;
  /** Files of the size that they had, which are others or were written to: their content must tell. */
  touched: StampedFile[];
  /** The same as long as nothing was touched. */
  looks: string;
  /** Somebody took its protection away. */
  writable: boolean;
}

/**
 * What a look at each file of a golden image shows; none is read.
 * @throws DiskBroken  that is enough to see that it is missing or was changed.
 */
export async function lookAtGolden(layout: Layout, imageId: string): Promise<GoldenLooks> {
  const folder = layout.golden(imageId);
  const manifest = await readManifest(folder);
  if (manifest === undefined) throw new DiskBroken(`the golden image is missing: there is no manifest in ${folder}`);
  const seen = [];
  for (const file of filesOf(manifest)) seen.push({ file, now: await lookAtFile(folder, file) });
  return {
    manifest,
    touched: seen.flatMap(({ file, now }) => (now.mtimeNs === file.mtimeNs && now.ino === file.ino ? [] : [file])),
    looks: seen.map(({ now }) => `${now.ino} ${now.mtimeNs} ${now.size}`).join(),
    writable: seen.some(({ now }) => (now.mode & WRITABLE) !== 0),
  };
}

/**
 * Sees that a golden image is what was sealed. Cheap (a look at each file) as long as nothing touched the files; where
 * one looks touched its whole content decides, and when that is the same (the storage was moved) it is remembered.
 * @throws DiskBroken  it is missing or was changed; an overlay on it would show the guest a corrupt disk without a word.
 */
export async function verifyGolden(layout: Layout, imageId: string, log: Logger): Promise<Manifest> {
  const folder = layout.golden(imageId);
  const { manifest, touched } = await lookAtGolden(layout, imageId);
  if (touched.length === 0) return manifest;

  log.warn({ imageId, files: touched.map((file) => file.name) }, 'golden image was touched, reading it whole');
  for (const file of touched) {
    const sha256 = await sha256File(join(folder, file.name));
    if (sha256 !== file.sha256) {
      throw changed(
        folder,
        file,
        `its SHA-256 was ${file.sha256.slice(0, 12)}… when it was sealed and is ${sha256.slice(0, 12)}… now`,
      );
    }
  }
  const fresh = await restamp(folder, manifest);
  log.info({ imageId }, 'golden image is unchanged, its new place is noted');
  return fresh;
}

async function lookAtFile(folder: string, file: StampedFile) {
  let seen: Awaited<ReturnType<typeof lookAt>>;
  try {
    seen = await lookAt(folder, file.name);
  } catch (fault) {
    if (errno(fault) === 'ENOENT')
      throw new DiskBroken(`the golden image is not whole: ${join(folder, file.name)} is missing`);
    throw fault;
  }
  if (!seen.isFile) throw changed(folder, file, 'it is not a plain file any more');
  if (seen.size !== file.size) {
    throw changed(folder, file, `it had ${file.size} bytes when it was sealed and has ${seen.size} now`);
  }
  return seen;
}

function changed(folder: string, file: StampedFile, difference: string): DiskBroken {
  return new DiskBroken(`${join(folder, file.name)} was changed, truncated or replaced: ${difference}`);
}

async function restamp(folder: string, manifest: Manifest): Promise<Manifest> {
  const again = async <F extends StampedFile>(file: F): Promise<F> => {
    const { mtimeNs, ino } = await lookAt(folder, file.name);
    return { ...file, mtimeNs, ino };
  };
  const fresh: Manifest = {
    ...manifest,
    disk: await again(manifest.disk),
    overlay: await again(manifest.overlay),
    companions: await Promise.all(manifest.companions.map(again)),
  };
  await unprotectGolden(folder);
  await writeManifest(folder, fresh);
  await protectGolden(folder);
  return fresh;
}
