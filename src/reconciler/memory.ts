import type { RoomSeen } from '../domain/roomFiller.js';

/** What VMs held when it was counted last, and when it is to be counted again. Milliseconds of this process' clock. */
export type Counted = RoomSeen & { at: number; nextAt: number };

/**
 * What the reconciler knows beside the rows, as long as the process lives: a server that loses the lead and leads again knows it still.
 * Whatever of it is lost is found out anew.
 */
export class Memory {
  /** Endpoints that a stranger held, and since when. */
  readonly heldEndpoints = new Map<string, number>();
  /** By image: when its screen may be asked for again. */
  readonly screenshotsAt = new Map<string, number>();
  /** What was seen last while there was room. */
  room: Counted | undefined;
}
