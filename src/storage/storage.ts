import { lstat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Unavailable } from '../domain/errors.js';
import type { Share } from '../domain/share.js';
import type { Logger } from '../log.js';
import { probeDisk } from '../primitives/probeDisk.js';
import { claimStorage } from './claimStorage.js';
import { type Confirm, clearPlace, halfMadeFor } from './clearPlace.js';
import { CLONE_DISK, cloneDisk } from './cloneDisk.js';
import { sweepDrafts } from './drafts.js';
import { errno } from './errno.js';
import { folderSizes } from './folderSizes.js';
import { createGoldenChecks } from './goldenChecks.js';
import { isId, layoutOf } from './layout.js';
import { lstatIfThere } from './lstatIfThere.js';
import type { Manifest } from './manifest.js';
import { namesIn } from './namesIn.js';
import { createOemBundles } from './oemBundles.js';
import { type PreparedOem, prepareInstall } from './prepareInstall.js';
import { protectGolden, unprotectGolden } from './protectGolden.js';
import { publishGolden, type SealOrder } from './publishGolden.js';
import { hostQemuImg, type QemuImg } from './qemuImg.js';
import { Receptions } from './receptions.js';
import { createShare } from './share.js';
import type { GuestConfig } from './sharedFolder.js';
import { discard, type EmptyAsRoot, emptyTrash } from './trash.js';

/** The folders of one machine, as this process sees them. */
export interface MachineFolders {
  storage: string;
  shared: string;
}

export type Storage = ReturnType<typeof createStorage>;

/**
 * The disks of golden images and VMs: plain files under `path`. Knows paths, no engine and no database.
 * Operations may be asked twice and killed anywhere. Faults of the file system are thrown as they come (`diskRefusal`
 * puts them into words); a disk that is not usable is a `DiskBroken`. Call `claim` before anything that writes.
 */
export function createStorage({
  path,
  deployment,
  oemPath,
  mayBeNew = async () => true,
  log,
}: {
  path: string;
  deployment: string;
  oemPath?: string;
  /** Whether a storage without an owner may be taken; asked then only. */
  mayBeNew?: () => Promise<boolean>;
  log: Logger;
}) {
  const layout = layoutOf(path);
  let unprotected: string | undefined;
  const receptions = new Receptions();
  let trashEmptied = false;
  let trying: Promise<void> | undefined;
  let emptyAsRoot: EmptyAsRoot | undefined;

  async function protect(imageId: string): Promise<void> {
    const why = await protectGolden(layout.golden(imageId));
    if (why !== undefined && unprotected === undefined) {
      log.info({ why }, 'golden images are read-only, but can not be made immutable here');
    }
    unprotected = why;
  }

  const goldens = createGoldenChecks(layout, protect, log);

  /** Refuses when the storage belongs to another deployment; nothing is touched then. */
  async function claim(): Promise<Unavailable | undefined> {
    const refusal = await claimStorage(layout, deployment, mayBeNew);
    if (refusal || trashEmptied) return refusal;
    trashEmptied = true;
    await emptyTrash(layout, emptyAsRoot).catch((err) => log.warn({ err }, 'trash could not be emptied'));
    await sweepUploads().catch((err) => log.warn({ err }, 'uploads that were cut off could not be removed'));
    return undefined;
  }

  /** What an earlier process left half-received. */
  async function sweepUploads(): Promise<void> {
    for (const top of [layout.vms, layout.installs])
      for (const name of await namesIn(top)) await sweepDrafts(join(top, name, 'uploads'));
    await sweepDrafts(layout.oemUploads);
  }

  /** The folder, and what was half-made for its place. */
  async function discardAll(whole: string): Promise<void> {
    for (const folder of [whole, ...(await halfMadeFor(whole))]) await discard(layout, folder, emptyAsRoot);
  }

  return {
    layout,
    /** Why golden images can't be made immutable here, once that was found out. */
    whyNotImmutable: (): string | undefined => unprotected,

    /** From now on removals that this process has no right to are done by `work`. */
    lendRoot(work: EmptyAsRoot): void {
      emptyAsRoot = work;
    },

    claim,

    /** The files that a machine and its callers hand each other. */
    share({ kind, id }: { kind: 'vm' | 'golden'; id: string }): Share {
      const folder = kind === 'vm' ? layout.vm(id) : layout.install(id);
      return createShare({ root: join(folder, 'shared'), uploads: join(folder, 'uploads') }, receptions);
    },

    oemBundles: createOemBundles(layout, claim, receptions),

    /** A fresh, empty place for an installation. What an earlier try left is removed. `oem`: only when there is something to copy. */
    async prepareInstall(
      imageId: string,
      config: GuestConfig,
      oemBundle: string | null,
      confirm: Confirm,
    ): Promise<{ folders: MachineFolders & { oem?: string }; oem: PreparedOem | undefined }> {
      const place = layout.install(imageId);
      await clearPlace(layout, place, confirm, emptyAsRoot);
      const oem = await prepareInstall(layout, { imageId, config, oemBundle, oemPath }, confirm);
      const folders = { storage: join(place, 'storage'), shared: join(place, 'shared') };
      return { folders: oem ? { ...folders, oem: join(place, 'oem') } : folders, oem };
    },

    /** Makes a golden image of the installation. Asked again, answers the same. `elsewhere` runs qemu-img where this machine has none. */
    async seal(order: SealOrder, elsewhere: QemuImg, confirm: Confirm): Promise<Manifest> {
      const { imageId } = order;
      const manifest = (await isFolder(layout.golden(imageId)))
        ? await goldens.verify(imageId)
        : await publishGolden(layout, hostQemuImg(elsewhere), order, confirm);
      await confirm();
      await discard(layout, layout.install(imageId), emptyAsRoot);
      await protect(imageId);
      return manifest;
    },

    isSealed: (imageId: string): Promise<boolean> => isFolder(layout.golden(imageId)),
    verify: goldens.verify,
    /** Why no clone can be made of a sealed image, as far as a look shows. */
    goldenProblem: goldens.problem,

    /** A fresh clone; what stood at its place is removed. @throws DiskBroken the golden image is missing or was changed. */
    async clone(
      imageId: string,
      vmId: string,
      config: GuestConfig,
      confirm: Confirm,
    ): Promise<MachineFolders & { golden: string }> {
      const manifest = await goldens.verify(imageId);
      await clearPlace(layout, layout.vm(vmId), confirm, emptyAsRoot);
      await cloneDisk(layout, manifest, vmId, config, confirm);
      const folder = layout.vm(vmId);
      return { storage: join(folder, 'storage'), shared: join(folder, 'shared'), golden: layout.golden(imageId) };
    },

    /** Removes what a try left in which nothing has run: as it stands now, and nothing that comes after `confirm` was asked. */
    clear: ({ kind, id }: { kind: 'vm' | 'golden'; id: string }, confirm: Confirm): Promise<void> =>
      clearPlace(layout, kind === 'vm' ? layout.vm(id) : layout.install(id), confirm, emptyAsRoot),

    /** For one that nobody will want again. Removes all that a VM or an unfinished installation has here, half-made folders too. */
    async remove({ kind, id }: { kind: 'vm' | 'golden'; id: string }): Promise<void> {
      await discardAll(kind === 'vm' ? layout.vm(id) : layout.install(id));
      if (await isFolder(layout.trash)) await emptyTrash(layout, emptyAsRoot, id); // what an earlier try could not finish
    },

    /** Removes a sealed golden image, for good. The caller has made sure that no overlay refers to it. */
    async deleteGolden(imageId: string): Promise<void> {
      const folder = layout.golden(imageId);
      if (!(await isFolder(folder))) return;
      await unprotectGolden(folder);
      await discard(layout, folder, emptyAsRoot);
    },

    /** Whether a machine that was started has its folders still, and a clone its disk. A look at each, no more. */
    async hasFolders({ kind, id }: { kind: 'vm' | 'golden'; id: string }): Promise<boolean> {
      const folder = kind === 'vm' ? layout.vm(id) : layout.install(id);
      const disk = kind === 'vm' ? [join(folder, 'storage', CLONE_DISK)] : [join(folder, 'storage')];
      const gone = await Promise.all([...disk, join(folder, 'shared')].map(isGone));
      return !gone.includes(true);
    },

    /** What lies here of VMs and unfinished installations, whole or half-made. */
    async list(): Promise<{ kind: 'vm' | 'golden'; id: string }[]> {
      const ids = async (top: string) =>
        [...new Set((await namesIn(top)).map((name) => name.split('.')[0] ?? ''))].filter(isId);
      return [
        ...(await ids(layout.vms)).map((id) => ({ kind: 'vm' as const, id })),
        ...(await ids(layout.installs)).map((id) => ({ kind: 'golden' as const, id })),
      ];
    },

    async room(): Promise<{ freeBytes: number; totalBytes: number }> {
      const { bavail, blocks, bsize } = await statfs(layout.root);
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
    },

    /** What each VM holds here, with its disk and its share, in bytes. */
    async vmSizes(): Promise<Map<string, number>> {
      const ids = (await namesIn(layout.vms)).filter(isId);
      const sizes = await folderSizes(ids.map((id) => layout.vm(id)));
      return new Map(
        ids.flatMap((vmId) => {
          const bytes = sizes.get(layout.vm(vmId));
          return bytes === undefined ? [] : [[vmId, bytes]];
        }),
      );
    },

    /** Writes a file to the disk itself, and removes it. @throws the file system's fault when that does not work. */
    tryWriting(): Promise<void> {
      // One at a time: where a disk hangs, each that waits for it takes a thread from all.
      trying ??= probeDisk(layout.trash).finally(() => {
        trying = undefined;
      });
      return trying;
    },
  };
}

/** Seen to be missing: what can't be looked at is taken to be there. */
async function isGone(path: string): Promise<boolean> {
  return lstat(path).then(
    () => false,
    (fault: unknown) => ['ENOENT', 'ENOTDIR'].includes(errno(fault) ?? ''),
  );
}

async function isFolder(path: string): Promise<boolean> {
  return (await lstatIfThere(path))?.isDirectory() ?? false;
}
