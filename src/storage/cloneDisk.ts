import { chmod, constants, copyFile, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Confirm, draftFor } from './clearPlace.js';
import type { Layout } from './layout.js';
import type { Manifest } from './manifest.js';
import { type GuestConfig, makeSharedFolder } from './sharedFolder.js';

/** The file with the disk of a VM, in its `storage`. */
export const CLONE_DISK = 'data.qcow2';

/**
 * Makes the folder of a VM: an empty overlay on the golden disk and its own copies of the state files. Constant time,
 * some 4 MB. It is put together beside its place and renamed, so that a half-made one is never taken for whole. What stands at its
 * place is not replaced: the rename fails then.
 */
export async function cloneDisk(
  layout: Layout,
  manifest: Manifest,
  vmId: string,
  config: GuestConfig,
  confirm: Confirm,
): Promise<void> {
  const golden = layout.golden(manifest.imageId);
  const draft = draftFor(layout.vm(vmId));
  const storage = join(draft, 'storage');
  await mkdir(draft, { mode: 0o700 });
  await mkdir(storage);

  const copies = [[manifest.overlay.name, CLONE_DISK], ...manifest.companions.map(({ name }) => [name, name])] as [
    string,
    string,
  ][];
  for (const [from, to] of copies) {
    await copyFile(join(golden, from), join(storage, to), constants.COPYFILE_FICLONE);
    await chmod(join(storage, to), 0o644); // the golden's are read-only, and so would the copies be
  }
  await makeSharedFolder(join(draft, 'shared'), config);
  await confirm();
  await rename(draft, layout.vm(vmId));
}
