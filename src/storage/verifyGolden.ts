import { join } from 'node:path';
import type { Logger } from '../log.js';
import { DiskBroken } from './diskBroken.js';
import { errno } from './errno.js';
import type { Layout } from './layout.js';
import { filesOf, lookAt, type Manifest, readManifest, type StampedFile, writeManifest } from './manifest.js';
import { protectGolden, unprotectGolden } from './protectGolden.js';
import { sha256File } from './sha256File.js';

/**
 * Sees that a golden image is what was sealed. Cheap (a look at each file) as long as nothing touched the files; where
 * one looks touched its whole content decides, and when that is the same (the storage was moved) it is remembered.
 * @throws DiskBroken  it is missing or was changed; an overlay on it would show the guest a corrupt disk without a word.
 */
export async function verifyGolden(layout: Layout, imageId: string, log: Logger): Promise<Manifest> {
  const folder = layout.golden(imageId);
  const manifest = await readManifest(folder);
  if (manifest === undefined) throw new DiskBroken(`the golden image is missing: there is no manifest in ${folder}`);

  const touched: StampedFile[] = [];
  for (const file of filesOf(manifest)) {
    if (!(await looksTheSame(folder, file))) touched.push(file);
  }
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

async function looksTheSame(folder: string, file: StampedFile): Promise<boolean> {
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
  return seen.mtimeNs === file.mtimeNs && seen.ino === file.ino;
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
