import { cp, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Confirm, draftFor } from './clearPlace.js';
import { copyOemBundle } from './copyOemBundle.js';
import type { Layout } from './layout.js';
import { type GuestConfig, makeSharedFolder } from './sharedFolder.js';

export interface InstallOrder {
  imageId: string;
  config: GuestConfig;
  /** Name of the user's own files for it. */
  oemBundle: string | null;
  /** What each installation gets of ours; undefined: nothing. */
  oemPath: string | undefined;
}

/** What the installation has in `oem`; undefined: there is none. */
export interface PreparedOem {
  /** Whether all names are ASCII: the guest image garbles others unless it is told what they are. */
  asciiNames: boolean;
}

/** Makes the folder of an installation, as cloneDisk.ts that of a clone. */
export async function prepareInstall(
  layout: Layout,
  { imageId, config, oemBundle, oemPath }: InstallOrder,
  confirm: Confirm,
): Promise<PreparedOem | undefined> {
  const draft = draftFor(layout.install(imageId));
  await mkdir(draft, { mode: 0o700 });
  await mkdir(join(draft, 'storage'));
  await makeSharedFolder(join(draft, 'shared'), config);
  const oem = join(draft, 'oem');
  // Its own copies: an installation that runs is not changed by a newer vapiorc, nor by a change of the bundle.
  // A fault when it is missing: without our install.bat nobody would ever report.
  if (oemPath !== undefined) await cp(oemPath, oem, { recursive: true, dereference: true });
  if (oemBundle !== null) await copyOemBundle(layout.oemBundle(oemBundle), join(oem, 'custom'));
  const hasOem = oemPath !== undefined || oemBundle !== null;
  const names = hasOem ? await readdir(oem, { recursive: true }) : [];
  await confirm();
  await rename(draft, layout.install(imageId));
  return hasOem ? { asciiNames: names.every((name) => /^[ -~]*$/.test(name)) } : undefined;
}
