import { CapacityExhausted } from '../../domain/errors.js';

/** What stays for the Docker host itself. */
const HOST_RAM_MIB = 512;
/** Virtual processors per real one: idle spares hardly use theirs. */
const OVERCOMMIT = 4;

export interface Given {
  ramMiB: number;
  cpuCores: number;
}

export interface HostFacts {
  ramMiB: number;
  cpuCores: number;
  freeDiskBytes: number;
  /** What our live machines were given. */
  given: readonly Given[];
}

/**
 * Whether the host has room for one more machine; undefined: it has. Memory is counted as if each guest used all that it
 * was given and nobody else ran on the host; disk by what a machine needs to begin with.
 */
export function capacityRefusal(host: HostFacts, wanted: Given & { diskBytes: number }): CapacityExhausted | undefined {
  const freeRamMiB = host.ramMiB - HOST_RAM_MIB - host.given.reduce((sum, one) => sum + one.ramMiB, 0);
  if (wanted.ramMiB > freeRamMiB) {
    return new CapacityExhausted(
      'memory',
      `${wanted.ramMiB} MiB of memory are wanted, ${Math.max(0, freeRamMiB)} MiB of the host's ${host.ramMiB} MiB are not given to machines yet`,
      'Release VMs, give each less memory, or set VAPIORC_CAPACITY_CHECK=off.',
    );
  }
  const freeCores = host.cpuCores * OVERCOMMIT - host.given.reduce((sum, one) => sum + one.cpuCores, 0);
  if (wanted.cpuCores > freeCores) {
    return new CapacityExhausted(
      'processors',
      `${wanted.cpuCores} processors are wanted, ${Math.max(0, freeCores)} are not given to machines yet (the host has ${host.cpuCores}, each counts ${OVERCOMMIT} times)`,
      'Release VMs, give each fewer processors, or set VAPIORC_CAPACITY_CHECK=off.',
    );
  }
  if (wanted.diskBytes > host.freeDiskBytes) {
    return new CapacityExhausted(
      'disk',
      `${gib(wanted.diskBytes)} GiB of free disk are wanted, the storage has ${gib(host.freeDiskBytes)} GiB`,
      'Free space in VAPIORC_STORAGE_PATH, delete golden images and VMs, or set VAPIORC_CAPACITY_CHECK=off.',
    );
  }
  return undefined;
}

function gib(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1);
}
