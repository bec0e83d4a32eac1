import { lockVm } from '../db/vms.js';
import { roomFiller } from '../domain/roomFiller.js';
import { inMiB } from '../primitives/inMiB.js';
import { failVm } from '../transitions/failVm.js';
import type { Deps } from './deps.js';
import type { Counted } from './memory.js';

const MIB = 2 ** 20;
/** With less than this left the database, which may lie on the same disk, and the disks of all VMs soon stand still. */
const LEAST_FREE = { bytes: 512 * MIB, share: 0.01 };
/** How often what VMs hold is counted while there is room, and at most this share of the time: a share may have a million files. */
const COUNT_EVERY_MS = 60_000;
const COUNT_SHARE = 1 / 20;

/**
 * A guest can write to its disk and into its share without end. Before that takes the room of all others, the VM that took the most
 * lately is ended, with the reason. One at a time, and the next only for what it takes after that. What fills the disk and is no VM ends
 * none: then people are told.
 */
export class RoomGuard {
  #told = false;

  constructor(readonly deps: Deps) {}

  async pass(): Promise<void> {
    const { provisioner, memory, log } = this.deps;
    const room = await provisioner.room();
    if (room === undefined) return;
    const isLow = room.freeBytes < Math.min(LEAST_FREE.bytes, room.totalBytes * LEAST_FREE.share);
    const before = memory.room;
    if (!isLow) this.#told = false;
    if (!isLow && before !== undefined && performance.now() < before.nextAt) return;

    const seen = await this.#count(room.freeBytes);
    if (!isLow || before === undefined) {
      memory.room = seen;
      return;
    }
    const filler = roomFiller(before, seen);
    if (filler !== undefined) {
      memory.room = undefined;
      return this.#end({ ...filler, freeBytes: room.freeBytes, seconds: Math.round((seen.at - before.at) / 1000) });
    }
    if (!this.#told)
      log.warn({ freeBytes: room.freeBytes }, 'the storage is nearly full, and not by VMs: free space there');
    this.#told = true;
  }

  async #count(freeBytes: number): Promise<Counted> {
    const from = performance.now();
    const held = await this.deps.provisioner.vmSizes();
    const at = performance.now();
    return { freeBytes, held, at, nextAt: at + Math.max(COUNT_EVERY_MS, (at - from) / COUNT_SHARE) };
  }

  async #end(filler: {
    vmId: string;
    takenBytes: number;
    heldBytes: number;
    freeBytes: number;
    seconds: number;
  }): Promise<void> {
    const { write, provisioner, now, log } = this.deps;
    const { vmId, takenBytes, heldBytes, freeBytes, seconds } = filler;
    const reason = `the storage has only ${inMiB(freeBytes)} left, and this VM holds ${inMiB(heldBytes)} with its disk and its share, of which it took ${inMiB(takenBytes)} in the last ${seconds} s, the most of all: it was ended for the others`;
    try {
      await write(
        async (tx, tell) => {
          const vm = await lockVm(tx, vmId);
          if (vm) await failVm(tx, tell, vm, reason, now());
        },
        { makesRoom: true },
      );
    } catch (err) {
      // A database of somebody else's on the same disk may have no room for that; then the VM goes first, and its end is noted as that
      // of its container.
      log.error({ err, vmId }, 'a VM that fills the storage could not be noted as failed');
    }
    log.warn(filler, 'a VM that fills the storage is ended');
    await provisioner.destroy({ kind: 'vm', id: vmId });
  }
}
