import PQueue from 'p-queue';
import type { GuestWays } from '../../domain/guestWays.js';
import type { Machine } from '../../domain/vm.js';
import type { Logger } from '../../log.js';
import { KeyedLock } from '../../primitives/keyedLock.js';
import type { Storage } from '../../storage/storage.js';
import { type Dial, dial, NotThere } from '../dial.js';
import { hostPorts } from '../hostPorts.js';
import type { Listed, MachineRef, Provisioner } from '../provisioner.js';
import { answer, answerOrThrow, claimOrThrow } from './answer.js';
import { createBuilder } from './builder.js';
import { openEngine } from './engine/engine.js';
import type { EngineCall } from './engine/engineLimits.js';
import { engineRefusal } from './engine/examineEngine.js';
import { watchEvents } from './engine/watchEvents.js';
import { explainExit } from './explainExit.js';
import { ContainerScreens } from './guest/containerScreens.js';
import { fetchStatusPage } from './guest/fetchStatusPage.js';
import { answersRdp } from './guest/rdpProbe.js';
import { health } from './health.js';
import { Images } from './images.js';
import { logTail } from './logTail.js';
import { addressOf, Machines, machineOf } from './machines.js';
import { guestWays } from './network/guestWays.js';
import type { Parts } from './parts.js';
import { emptyInContainer } from './paths/emptyInContainer.js';
import { createHostPaths } from './paths/hostPaths.js';
import { needOf, Room } from './room.js';
import type { DockerSettings } from './settings.js';
import { Tools } from './tools.js';

export interface DockerProvisioner extends Provisioner {
  readonly kind: 'docker';
  guestWays(): Promise<GuestWays>;
}

export interface DockerOptions {
  settings: DockerSettings;
  /** Name of this deployment: marks what is ours. The storage was made with the same. */
  deployment: string;
  storage: Storage;
  log: Logger;
  /** Where this process reads about its own container; only a test gives another file. */
  mountinfoPath?: string;
  /** Longest time of a request to the engine, in milliseconds; only a test gives shorter ones. */
  engineLimit?: (call: EngineCall) => number;
}

/** More than all limits of a start's calls together: a disk that hangs has none. The others that wait to be started do not wait for it. */
const START_LIMIT_MS = 600_000;

/** VMs as containers of the guest image on one Docker host. Opens no connection until it is asked something. */
export function createDockerProvisioner(options: DockerOptions): DockerProvisioner {
  const { settings, deployment, storage, log } = options;
  const engine = openEngine(settings.dockerSocket, options.engineLimit);
  const tools = new Tools(engine, deployment);
  const machines = new Machines(engine, deployment, settings.network);
  const hostPaths = createHostPaths({ ...options, engine, tools, override: settings.hostStoragePath });
  const parts: Parts = {
    ...options,
    engine,
    machines,
    tools,
    hostPaths,
    images: new Images(engine),
    room: new Room({ engine, deployment, storage, check: settings.capacityCheck }),
    starts: new PQueue({ concurrency: settings.parallelStarts, timeout: START_LIMIT_MS }),
    lock: new KeyedLock(),
  };
  storage.lendRoot((folder) => emptyInContainer(parts, folder));
  const watches = new Set<() => void>();

  const orThrow = <T>(work: () => Promise<T>): Promise<T> => answerOrThrow(parts, work);
  const claimed = () => claimOrThrow(storage);
  const withDisk = async (ref: MachineRef, machine: Machine): Promise<Machine> =>
    (await storage.hasFolders(ref)) ? machine : { ...machine, diskGone: true };

  const dialOf =
    (ref: MachineRef): Dial =>
    async (port, limitMs) => {
      const address = addressOf(await orThrow(() => machines.find(ref)), settings.network);
      if (address === undefined) throw new NotThere('it has no running container');
      return dial(address, port, limitMs);
    };
  const screens = new ContainerScreens(dialOf);

  return {
    kind: 'docker',
    ...hostPorts(settings),
    explainExit,
    lead: (lead) => createBuilder(parts, lead),

    progress: (goldenImageId) => fetchStatusPage(dialOf({ kind: 'golden', id: goldenImageId })),

    async inspect(ref) {
      return orThrow(async () => {
        const found = await machines.find(ref);
        return found && withDisk(ref, machineOf(found, settings.network));
      });
    },

    logTail: (ref, lines) => orThrow(() => logTail(parts, ref, lines)),

    share: (ref) => storage.share(ref),
    oemBundles: storage.oemBundles,
    hasQemuAgent: settings.qemuAgent,

    screenshot: (ref) => screens.screenshot(ref),
    press: (ref, chords) => screens.press(ref, chords),
    click: (ref, click) => screens.click(ref, click),

    goldenProblem: (goldenImageId) =>
      orThrow(async () => {
        await claimed();
        return storage.goldenProblem(goldenImageId);
      }),

    dial: (ref, port) => dialOf(ref)(port),
    answersRdp: (vmId) => answersRdp(dialOf({ kind: 'vm', id: vmId })),

    list: () =>
      orThrow(async () => {
        await claimed();
        const listed = new Map<string, Listed>();
        const key = (ref: MachineRef) => `${ref.kind} ${ref.id}`;
        for (const ref of await storage.list()) listed.set(key(ref), { ref, machine: undefined });
        const found = await machines.list();
        await Promise.all(
          found.map(async ({ ref, machine }) => listed.set(key(ref), { ref, machine: await withDisk(ref, machine) })),
        );
        return [...listed.values()];
      }),

    room: () =>
      orThrow(async () => {
        await claimed();
        return storage.room();
      }),
    vmSizes: () => orThrow(() => storage.vmSizes()),

    admit: (need) =>
      answer(parts, {}, async () => {
        const refusal = (await engineRefusal(parts)) ?? (await storage.claim());
        if (refusal) return refusal;
        // Asks the engine, and is remembered once it was shown.
        if (await parts.images.has(settings.image)) await hostPaths.prove(settings.image);
        return parts.room.refusal(needOf(need));
      }),

    watch(onHint) {
      const stopped = new AbortController();
      const stop = () => {
        watches.delete(stop);
        stopped.abort();
      };
      watches.add(stop);
      watchEvents({ ...parts, network: settings.network }, onHint, () => hostPaths.forget(), stopped.signal).catch(
        (err) => log.error({ err }, 'watching the engine ended'),
      );
      return stop;
    },

    health: () => health(parts),

    guestWays: () => orThrow(() => guestWays(parts)),

    async close() {
      for (const stop of watches) stop();
      // What waits for its turn is started by whoever reconciles next.
      parts.starts.clear();
      await parts.starts.onIdle();
    },
  };
}
