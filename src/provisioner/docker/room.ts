import type { CapacityExhausted } from '../../domain/errors.js';
import type { Storage } from '../../storage/storage.js';
import type { Need } from '../provisioner.js';
import { capacityRefusal, type Given } from './capacity.js';
import type { Engine } from './engine/engine.js';
import { LABEL, refOf } from './labels.js';

/** A clone starts with some MiB and grows as its guest writes; with less free than this it would soon stand still. */
const CLONE_DISK_BYTES = 2 * 2 ** 30;
/** An installation of Windows 11 with its medium and updates; the disk itself is sparse. */
const INSTALL_DISK_GIB = 40;

type Wanted = Given & { diskBytes: number };

export function needOf({ kind, cpuCores, ramMiB, diskGiB }: Need): Wanted {
  return {
    cpuCores,
    ramMiB,
    diskBytes: kind === 'clone' ? CLONE_DISK_BYTES : Math.min(diskGiB, INSTALL_DISK_GIB) * 2 ** 30,
  };
}

/** Keeps count of what machines were given: the started ones by their labels, those that are being started in here. */
export class Room {
  readonly #starting = new Map<string, Given>();

  constructor(readonly deps: { engine: Engine; deployment: string; storage: Storage; check: boolean }) {}

  /** Runs `start` with room kept for the machine. @throws CapacityExhausted when there is none. */
  async keepFor<T>(id: string, wanted: Wanted, start: () => Promise<T>): Promise<T> {
    // Before any wait: who asks next counts this one, and this one only those that came before. Both at once would refuse both.
    const earlier = new Map(this.#starting);
    this.#starting.set(id, wanted);
    try {
      const refusal = await this.refusal(wanted, { id, starting: earlier });
      if (refusal) throw refusal;
      return await start();
    } finally {
      this.#starting.delete(id);
    }
  }

  /** Why the host can't take this machine now; undefined: it can. What the machine `id` holds already is not counted. */
  async refusal(
    wanted: Wanted,
    { id, starting = this.#starting }: { id?: string; starting?: ReadonlyMap<string, Given> } = {},
  ): Promise<CapacityExhausted | undefined> {
    const { engine, deployment, storage, check } = this.deps;
    if (!check) return undefined;
    const [info, containers, { freeBytes }] = await Promise.all([
      engine.info() as Promise<{ MemTotal: number; NCPU: number }>,
      // Without `all` only those that run: what has ended holds no memory.
      engine.listContainers({ filters: { label: [`${LABEL.deployment}=${deployment}`] } }),
      storage.room(),
    ]);
    const given = new Map<string, Given>(starting);
    for (const { Labels } of containers) {
      const owner = refOf(Labels, deployment)?.id;
      if (owner === undefined) continue;
      given.set(owner, { ramMiB: Number(Labels[LABEL.ramMiB]) || 0, cpuCores: Number(Labels[LABEL.cpuCores]) || 0 });
    }
    if (id !== undefined) given.delete(id);
    const host = {
      ramMiB: Math.floor(info.MemTotal / 2 ** 20),
      cpuCores: info.NCPU,
      freeDiskBytes: freeBytes,
      given: [...given.values()],
    };
    return capacityRefusal(host, wanted);
  }
}
