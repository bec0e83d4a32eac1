import type { ContainerCreateOptions } from 'dockerode';
import type { Lead } from '../../domain/lead.js';
import {
  type InstallProgress,
  type IsWanted,
  type MachineRef,
  type Need,
  type Started,
  Unwanted,
} from '../provisioner.js';
import { statusOf } from './engine/engine.js';
import { engineRefusal } from './engine/examineEngine.js';
import { ensureNetwork } from './network/network.js';
import type { Parts } from './parts.js';
import { refuseTakenPort } from './refuseTakenPort.js';
import { needOf } from './room.js';

export interface Order {
  ref: MachineRef;
  image: string;
  /** Its web port on this host. */
  port: number;
  need: Need;
  onProgress?: (progress: InstallProgress) => void;
  isWanted?: IsWanted | undefined;
  /** Makes the machine's folders anew and answers its container. */
  prepare: () => Promise<ContainerCreateOptions>;
}

/**
 * Brings a machine to run, from nothing. What an earlier try left half-made is removed and made anew: nothing has run in
 * it. A container that was started, even one that has ended since, is left as it is.
 * Another server may lead by the time that any of its calls takes effect. So it looks, then confirms the lead, then changes only what
 * it saw: a container by its id, and only one that never ran; a folder that is held open; new things under names of their own.
 * Whatever would refuse comes before what takes long, and nothing is made before our paths are proven.
 * @throws Unavailable, CapacityExhausted and faults of the engine and of the disk
 */
export async function start(parts: Parts, lead: Lead, order: Order): Promise<Started> {
  const { machines, storage, images, hostPaths, settings, room, starts, lock } = parts;
  const { ref, image } = order;
  const before = await machines.find(ref);
  if (before && before.State.Status !== 'created') return { engineId: before.Id, containerImage: before.Config.Image };

  const refusal = (await engineRefusal(parts)) ?? (await storage.claim());
  if (refusal) throw refusal;
  if (!(await images.has(image))) {
    const full = await room.refusal(needOf(order.need), { id: ref.id });
    if (full) throw full;
    await images.ensure(image, order.onProgress);
  }
  await hostPaths.prove(image);

  const run = (): Promise<Started> =>
    lock.run(ref.id, () =>
      room.keepFor(ref.id, needOf(order.need), async () => {
        const now = await machines.find(ref);
        if (now && now.State.Status !== 'created') return { engineId: now.Id, containerImage: now.Config.Image };
        if (order.isWanted && !(await order.isWanted()))
          throw new Unwanted(`${ref.kind} ${ref.id} is not wanted any more`);
        if (now) await machines.removeUnstarted(now.Id, lead);
        await refuseTakenPort(settings.publishAddress, order.port);
        await ensureNetwork(parts.engine, settings.network, parts.deployment);
        return { engineId: await createAndStart(parts, lead, order), containerImage: image };
      }),
    );
  return starts.add(run);
}

async function createAndStart(parts: Parts, lead: Lead, { ref, prepare }: Order): Promise<string> {
  const { machines, log } = parts;
  const begun = performance.now();
  let created: string | undefined;
  try {
    const options = await prepare();
    const prepared = performance.now();
    created = await machines.create(options, lead);
    await machines.start(created, lead);
    log.info(
      {
        ...ref,
        engineId: created,
        diskMs: Math.round(prepared - begun),
        containerMs: Math.round(performance.now() - prepared),
      },
      'machine started',
    );
    return created;
  } catch (fault) {
    // The first fault is the one to tell; what can't be removed now is found by list() later.
    await cleanUp(parts, lead, ref, created, fault).catch((err) =>
      log.warn({ err, ...ref }, 'removal after a failed start failed'),
    );
    throw fault;
  }
}

/** Removes what a start made that failed for certain. */
async function cleanUp(
  { machines, storage }: Parts,
  lead: Lead,
  ref: MachineRef,
  created: string | undefined,
  fault: unknown,
): Promise<void> {
  if (created === undefined) {
    // Made by another server in this moment, or by ours and the answer was lost: the next look finds it.
    if (await machines.find(ref)) return;
  } else {
    // The engine did not answer: it may have started it all the same, and then it is somebody's machine already.
    if (statusOf(fault) === undefined) return;
    await machines.removeUnstarted(created, lead);
  }
  await storage.clear(ref, lead.confirm);
}
