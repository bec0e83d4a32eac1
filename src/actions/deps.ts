import type { Db } from '../db/client.js';
import type { Write } from '../db/write.js';
import type { Allotment } from '../domain/endpoints.js';
import type { CapacityExhausted, Unavailable } from '../domain/errors.js';
import type { OemBundles } from '../domain/oemBundles.js';
import type { IsoHostRefusal } from './isoHosts.js';

/** What commands work with. */
export interface CommandDeps {
  db: Db;
  write: Write;
  /** Sizes where the caller names none. */
  defaults: { hotSpares: number; maxVms: number; cpuCores: number; ramMiB: number; diskGiB: number };
  /** The endpoints that VMs share; undefined: there is no end of them. */
  allotment: Allotment | undefined;
  /** The user's own files for installations; left out where machines take none. */
  oemBundles?: OemBundles | undefined;
  /** Whether an installation may be sent to this URL for its medium. */
  isoHostRefusal: IsoHostRefusal;
  /** Whether machines have a channel for the QEMU guest agent; left out: they do not. */
  qemuAgent?: boolean | undefined;
  /** Whether the host could take one more such machine now (Provisioner.admit). */
  admit: (need: {
    kind: 'install' | 'clone';
    cpuCores: number;
    ramMiB: number;
    diskGiB: number;
  }) => Promise<Unavailable | CapacityExhausted | undefined>;
}
