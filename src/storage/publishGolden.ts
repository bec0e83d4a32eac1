import { chmod, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskBroken } from './diskBroken.js';
import { examineDisk } from './examineDisk.js';
import { examineInstall } from './examineInstall.js';
import type { Layout } from './layout.js';
import { lstatIfThere } from './lstatIfThere.js';
import { type Manifest, stamp, writeManifest } from './manifest.js';
import type { QemuImg } from './qemuImg.js';
import { syncPath } from './syncPath.js';

const OVERLAY = 'overlay.qcow2';

export interface SealOrder {
  imageId: string;
  vmType: string;
  /** Reference of the container image that installed it. */
  containerImage: string;
}

/**
 * Makes a golden image of a finished installation: checks it, notes what it is, and publishes it by one rename. The
 * folder golden/<id> therefore never shows anything half-done. Killed before that rename, it can be run again from the start.
 * The caller has stopped the container.
 * @throws DiskBroken  the installation is not usable.
 */
export async function publishGolden(
  layout: Layout,
  qemuImg: QemuImg,
  { imageId, vmType, containerImage }: SealOrder,
): Promise<Manifest> {
  const folder = join(layout.install(imageId), 'storage');
  if (!(await lstatIfThere(folder))) throw new DiskBroken(`there is no installation to seal at ${folder}`);
  const { disk, format, companions } = await examineInstall(folder);
  const virtualSizeBytes = await examineDisk(qemuImg, folder, disk, format);

  await rm(join(folder, OVERLAY), { force: true });
  // -u: the backing file has this path only inside a clone's container.
  const made = await qemuImg(
    ['create', '-q', '-f', 'qcow2', '-u', '-b', `/golden/${disk}`, '-F', format, OVERLAY, String(virtualSizeBytes)],
    folder,
    'rw',
  );
  if (made.code !== 0) {
    const fault = new Error(`qemu-img create ${OVERLAY}: ${made.stderr.slice(0, 500)}`);
    throw /No space left/.test(made.stderr) ? Object.assign(fault, { code: 'ENOSPC' }) : fault;
  }

  const kept = [disk, OVERLAY, ...companions];
  for (const name of await readdir(folder)) {
    if (!kept.includes(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
  for (const name of kept) {
    await chmod(join(folder, name), 0o444);
    await syncPath(join(folder, name));
  }
  const manifest: Manifest = {
    formatVersion: 1,
    imageId,
    vmType,
    containerImage,
    disk: { ...(await stamp(folder, disk)), format, virtualSizeBytes },
    overlay: await stamp(folder, OVERLAY),
    companions: await Promise.all(companions.map((name) => stamp(folder, name))),
    sealedAt: new Date().toISOString(),
  };
  await writeManifest(folder, manifest);
  await rename(folder, layout.golden(imageId));
  await syncPath(layout.goldens);
  return manifest;
}
