import { randomUUID } from 'node:crypto';
import { chmod, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Confirm } from './clearPlace.js';
import { DiskBroken } from './diskBroken.js';
import { examineDisk } from './examineDisk.js';
import { examineInstall } from './examineInstall.js';
import type { Layout } from './layout.js';
import { type Manifest, stamp, writeManifest } from './manifest.js';
import { namesIn } from './namesIn.js';
import type { QemuImg } from './qemuImg.js';
import { syncPath } from './syncPath.js';

const OVERLAY = 'overlay.qcow2';
const LEFT = 'storage';
const TAKEN = 'sealing-';

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
  confirm: Confirm,
): Promise<Manifest> {
  const found = await theInstallation(layout.install(imageId));
  const { disk, format, companions } = await examineInstall(found);
  const virtualSizeBytes = await examineDisk(qemuImg, found, disk, format);

  // From here on under a name of this try alone: another server that seals it too takes it away from this one as a whole.
  const folder = join(layout.install(imageId), `${TAKEN}${randomUUID()}`);
  await confirm();
  await rename(found, folder);
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
  await confirm();
  await rename(folder, layout.golden(imageId));
  await syncPath(layout.goldens);
  return manifest;
}

/** What the container left, or what an earlier try to seal it took. */
async function theInstallation(place: string): Promise<string> {
  const names = await namesIn(place);
  const name = names.find((name) => name.startsWith(TAKEN)) ?? names.find((name) => name === LEFT);
  if (name === undefined) throw new DiskBroken(`there is no installation to seal at ${join(place, LEFT)}`);
  return join(place, name);
}
