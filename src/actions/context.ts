import type { Read, Reads } from '../db/reads.js';
import type { Write, WriteAs } from '../db/write.js';
import type { Allotment } from '../domain/endpoints.js';
import type { CapacityExhausted, Unavailable } from '../domain/errors.js';
import type { OemBundles } from '../domain/oemBundles.js';
import type { Caller, Principal } from '../domain/principal.js';
import type { Screens } from '../domain/screen.js';
import type { Share } from '../domain/share.js';
import type { Feed } from '../events/feed.js';
import type { PlaceOrder } from './assignment/orders.js';
import type { Waits } from './assignment/waits.js';
import type { IsoHostRefusal } from './image/isoHosts.js';

/** What actions work with, whoever calls; built once. Nothing in it leads to the database: that is by `read` and `write`, for a caller. */
interface Shared {
  feed: Feed;
  /** One for the process: it gathers orders into batches. */
  placeOrder: PlaceOrder;
  waits: Waits;
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
  /** The files of a VM; none where machines are simulated. */
  share: (vmId: string) => Share | undefined;
  /** What machines show, and their keyboards and mice. */
  screens: Screens;
}

export interface ActionDeps extends Shared {
  writeAs: WriteAs;
  reads: Reads;
}

/** What one call works with. There is no other way to an action or a read of an API, so each of them is somebody's. */
export interface ActionContext extends Shared {
  /** Who calls. */
  by: Principal;
  /** The caller's address, by which callers take turns. */
  address: string;
  /** Aborts when the caller is gone, or the server is about to go. */
  gone: AbortSignal;
  write: Write;
  read: Read;
}

export function contextOf(deps: ActionDeps, { principal, address }: Caller, gone: AbortSignal): ActionContext {
  const { writeAs, reads, ...shared } = deps;
  return { ...shared, by: principal, address, gone, write: writeAs(principal), read: reads.of(address) };
}
