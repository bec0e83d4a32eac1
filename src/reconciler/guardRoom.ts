import { failVm } from '../commands/failVm.js';
import { lockVm } from '../db/vms.js';
import type { Deps } from './deps.js';

const MIB = 2 ** 20;
/** With less than this left the database, which may lie on the same disk, and the disks of all VMs soon stand still. */
const LEAST_FREE = { bytes: 512 * MIB, share: 0.01 };
/** A share that holds less is not what fills the disk. */
const LEAST_HELD_BYTES = 64 * MIB;

/**
 * A guest can write into its share without end. Before that takes the room of all others, the VM whose share holds the most is ended,
 * with the reason. One at a time: the next pass looks again.
 */
export async function guardRoom({ write, provisioner, now, log }: Deps): Promise<void> {
  const room = await provisioner.room();
  if (room === undefined || room.freeBytes >= Math.min(LEAST_FREE.bytes, room.totalBytes * LEAST_FREE.share)) return;
  const sizes = await provisioner.shareSizes();
  const [most] = sizes.toSorted((a, b) => b.bytes - a.bytes);
  if (most === undefined || most.bytes < LEAST_HELD_BYTES) return;
  const inMiB = (bytes: number) => `${Math.round(bytes / MIB)} MiB`;
  const reason = `the storage has only ${inMiB(room.freeBytes)} left, and the share of this VM holds ${inMiB(most.bytes)}, the most of all: it was ended for the others`;
  try {
    await write(async (tx, tell) => {
      const vm = await lockVm(tx, most.vmId);
      if (vm) await failVm(tx, tell, vm, 'reconciler', reason, now());
    });
  } catch (err) {
    // A database on the same disk may have no room for that; then the VM goes first, and its end is noted as that of its container.
    log.error({ err, vmId: most.vmId }, 'a VM that fills the storage could not be noted as failed');
  }
  log.warn(
    { vmId: most.vmId, heldBytes: most.bytes, freeBytes: room.freeBytes },
    'a VM that fills the storage is ended',
  );
  await provisioner.destroy({ kind: 'vm', id: most.vmId });
}
