/** A disk that all VMs share, as it was seen at one moment. Bytes. */
export interface RoomSeen {
  freeBytes: number;
  /** What each VM held of it. */
  held: ReadonlyMap<string, number>;
}

/** A VM that took less is not what fills the disk. */
const LEAST_TAKEN_BYTES = 64 * 2 ** 20;

/**
 * The VM that took the most between two looks; undefined: VMs did not take most of what went. Then it helps nobody to end one: who fills
 * the disk would take its room too, and that of the next.
 */
export function roomFiller(
  before: RoomSeen,
  now: RoomSeen,
): { vmId: string; takenBytes: number; heldBytes: number } | undefined {
  let most: { vmId: string; takenBytes: number; heldBytes: number } | undefined;
  let byVms = 0;
  for (const [vmId, heldBytes] of now.held) {
    const takenBytes = heldBytes - (before.held.get(vmId) ?? 0);
    if (takenBytes > 0) byVms += takenBytes;
    if (takenBytes > (most?.takenBytes ?? 0)) most = { vmId, takenBytes, heldBytes };
  }
  let freed = 0;
  for (const [vmId, bytes] of before.held) freed += Math.max(0, bytes - (now.held.get(vmId) ?? 0));
  const taken = before.freeBytes + freed - now.freeBytes;
  return most !== undefined && most.takenBytes >= LEAST_TAKEN_BYTES && byVms >= taken / 2 ? most : undefined;
}
