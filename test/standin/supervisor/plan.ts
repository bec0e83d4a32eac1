import type { Disk } from './disk.js';
import type { Firmware } from './firmware.js';
import type { GuestOrders } from './install.js';
import type { Network } from './network.js';
import type { Settings } from './settings.js';
import type { Storage } from './storage.js';

/** All that is settled when the machine starts. */
export interface Plan {
  readonly settings: Settings;
  readonly storage: Storage;
  readonly disk: Disk;
  readonly firmware: Firmware;
  readonly network: Network;
  /** The folder behind \\host.lan\Data. */
  readonly share: string | undefined;
  /** The installation medium while it is still there: then it is attached as a DVD. */
  readonly mediumPath: string | undefined;
  /** The disk is new and blank, so the machine starts from the medium. */
  readonly installing: boolean;
  /** Set while installing, and at later starts for as long as C:\OEM can still be delivered. */
  readonly orders: GuestOrders;
  /** Percent-encoded, e.g. `Windows%2011`. */
  readonly windows: string;
  readonly computer: string;
}
