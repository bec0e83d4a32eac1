/** Named sets of the user's own files, which golden images are installed with. */
import type { Conflict } from './errors.js';
import { nameUpTo } from './names.js';
import type { Share, SharePath } from './share.js';

/** What FAT32 takes, which is what the guest image hands the files to Windows on. Bytes. */
export const MAX_OEM_FILE_BYTES = 4 * 1024 ** 3 - 1;

export const LONGEST_BUNDLE_NAME = 64;
export const OEM_BUNDLE_NAME = nameUpTo(LONGEST_BUNDLE_NAME);

export interface OemFile {
  path: SharePath;
  /** Bytes. */
  size: number;
  modifiedAt: Date;
}

/** There is one as long as it has a file. */
export interface OemBundle {
  name: string;
  /** Sorted by path. */
  files: OemFile[];
}

/** The bundles that this server keeps. Names are checked already. */
export interface OemBundles {
  /** Sorted by name. */
  list(): Promise<OemBundle[]>;
  get(name: string): Promise<OemBundle | undefined>;
  /** Its files; the bundle is made by the first one. */
  files(name: string): Share;
  /** Why this path can not be in the bundle beside what is there: to Windows, names differ by more than upper and lower case. */
  clash(name: string, path: SharePath): Promise<Conflict | undefined>;
  /** Installations that run keep their own copy. False: there was none. */
  remove(name: string): Promise<boolean>;
}
