import { setTimeout as sleep } from 'node:timers/promises';
import { poolsOfImage } from '../db/pools.js';
import type { Event, EventKind } from '../domain/events.js';
import type { Feed } from '../events/feed.js';
import { Loop } from '../primitives/loop.js';
import type { MachineRef } from '../provisioner/provisioner.js';
import { reconcileCommands } from './commands.js';
import type { Deps, Outcome } from './deps.js';
import { reconcileImage } from './image.js';
import { reconcileLeases } from './leases.js';
import { reconcilePool } from './pool.js';
import { probeEveryMs, probeSpares } from './probeSpares.js';
import { QemuAgentCommands } from './qemuAgentCommands.js';
import { RoomGuard } from './roomGuard.js';
import { sweep } from './sweep.js';
import { Tasks } from './tasks.js';
import { reconcileVm } from './vm.js';

/** What is listed against the rows, all of it. Hints make most of it happen sooner. */
const SWEEP_MS = 10_000;
/** Machines that are being waited for: readiness probes and installation progress. */
const WATCH_MS = 1_000;
/** Commands of which nothing is heard any more. */
const COMMANDS_MS = 5_000;
/** What is polled from then on until something else is told of it. */
const IN_MOTION: readonly EventKind[] = [
  'VM_REQUESTED',
  'VM_BOOTING',
  'GOLDEN_IMAGE_REQUESTED',
  'GOLDEN_IMAGE_INSTALLING',
];
/** What leaves something to do for the machine itself. */
const NEEDS_A_STEP: readonly EventKind[] = [
  ...IN_MOTION,
  'VM_RELEASING',
  'VM_FAILED',
  'GOLDEN_IMAGE_SEALING',
  'GOLDEN_IMAGE_DELETED',
  'GOLDEN_IMAGE_FAILED',
];
/** What leaves a machine's status as it is. */
const NO_MOVE: readonly EventKind[] = [
  'GOLDEN_IMAGE_PROGRESS',
  'GOLDEN_IMAGE_STUCK',
  'GOLDEN_IMAGE_DAMAGED',
  'GOLDEN_IMAGE_MENDED',
  'VM_NOT_READY',
  'COMMAND_QUEUED',
  'COMMAND_STARTED',
  'COMMAND_OUTPUT',
  'COMMAND_CANCELLING',
  'COMMAND_ENDED',
];
/** What changes nothing that a pool's sum counts. */
const QUIET_FOR_POOLS: readonly EventKind[] = [
  ...NO_MOVE.filter((kind) => kind !== 'GOLDEN_IMAGE_DAMAGED' && kind !== 'GOLDEN_IMAGE_MENDED'),
  'POOL_BLOCKED',
  'VM_REQUESTED',
];
/** A pool looks at once, and then not again for this long, whatever happens meanwhile: its sum reads all its VMs. */
const POOL_PAUSE_MS = 200;
/** A step that was refused or failed rests this long, doubled each time up to the limit: the host is full, a registry is away. */
const REST_MS = 2_000;
const LONGEST_REST_MS = 60_000;
/** Work that is under way at a stop gets this long; what is cut off is carried on by the next start. */
const STOP_MS = 10_000;

/**
 * Makes the world match the rows. Acts only in the process that leads (`lead`); takes no input but hints, and every step can be
 * killed and asked again.
 */
export class Reconciler {
  readonly #tasks: Tasks;
  readonly #loops: Loop[];
  readonly #qemuAgents: QemuAgentCommands;
  readonly #qemuAgentLoop: Loop;
  readonly #deps: Deps;
  readonly #feed: Feed;
  #unsubscribe: (() => void)[] = [];
  /** What a sweep saw in motion: polled until a sweep no longer sees it so. */
  #watched = new Set<string>();
  /** Whether the last sweep saw all. */
  #swept = true;
  readonly #resting = new Map<string, { untilMs: number; ms: number }>();

  constructor(deps: Deps, feed: Feed) {
    this.#deps = deps;
    this.#feed = feed;
    const { log } = deps;
    this.#tasks = new Tasks({ work: (key) => this.#work(key), log });
    this.#qemuAgents = new QemuAgentCommands(deps);
    const runByQemuAgents = () => this.#qemuAgents.pass();
    this.#qemuAgentLoop = new Loop({ name: 'qemu agents', everyMs: COMMANDS_MS, pass: runByQemuAgents, log });
    const roomGuard = new RoomGuard(deps);
    this.#loops = [
      new Loop({ name: 'sweep', everyMs: SWEEP_MS, pass: () => this.#sweep(), log }),
      new Loop({ name: 'leases', everyMs: WATCH_MS, pass: () => reconcileLeases(deps), log }),
      new Loop({ name: 'room', everyMs: WATCH_MS, pass: () => roomGuard.pass(), log }),
      new Loop({ name: 'probes', everyMs: probeEveryMs(deps.unheardMs), pass: () => probeSpares(deps), log }),
      new Loop({ name: 'commands', everyMs: COMMANDS_MS, pass: () => reconcileCommands(deps), log }),
      new Loop({ name: 'watch', everyMs: WATCH_MS, pass: async () => this.#pokeAll(this.#watched), log }),
      this.#qemuAgentLoop,
    ];
  }

  start(): void {
    for (const loop of this.#loops) loop.start();
    this.#unsubscribe = [
      this.#feed.onEvents((events) => {
        for (const event of events) this.#onEvent(event);
      }),
      this.#deps.provisioner.watch((ref) => this.#tasks.poke(`${ref.kind}:${ref.id}`)),
    ];
  }

  /** Compares everything now instead of at the next tick. */
  poke(): void {
    this.#loops[0]?.poke();
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await Promise.all(this.#loops.map((loop) => loop.stop()));
    await this.#qemuAgents.stop();
    await this.#tasks.stop(STOP_MS);
  }

  #onEvent(event: Event): void {
    const { kind, vmId, goldenImageId, poolId } = event;
    if (kind === 'COMMAND_QUEUED') this.#qemuAgentLoop.poke();
    if (vmId !== null) this.#track(`vm:${vmId}`, kind);
    else if (goldenImageId !== null) this.#track(`golden:${goldenImageId}`, kind);
    // Whoever changes a pool, or asks it to refill, has made room, or wants to know.
    if (kind === 'POOL_CHANGED' && event.actor === 'api') this.#resting.clear();
    if (QUIET_FOR_POOLS.includes(kind)) return;
    if (poolId !== null) this.#tasks.poke(`pool:${poolId}`, { urgent: true });
    else if (goldenImageId !== null) this.#tasks.poke(`pools-of:${goldenImageId}`, { urgent: true });
  }

  #track(key: string, kind: EventKind): void {
    if (IN_MOTION.includes(kind)) this.#watched.add(key);
    else if (!NO_MOVE.includes(kind)) this.#watched.delete(key);
    if (NEEDS_A_STEP.includes(kind)) this.#tasks.poke(key, { urgent: !IN_MOTION.includes(kind) });
  }

  #pokeAll(keys: Iterable<string>): void {
    const now = performance.now();
    for (const key of keys) if ((this.#resting.get(key)?.untilMs ?? 0) <= now) this.#tasks.poke(key);
  }

  async #sweep(): Promise<void> {
    const { log } = this.#deps;
    // What begins to move while the sweep looks is not in what it saw.
    const before = this.#watched;
    this.#watched = new Set();
    const found = await sweep(this.#deps).catch((err: unknown) => {
      for (const key of before) this.#watched.add(key);
      this.#swept = false;
      throw err;
    });
    // What the engine was away for need not rest any longer.
    if (!this.#swept) this.#resting.clear();
    this.#swept = true;
    const moving = [...found.vmIds.map((id) => `vm:${id}`), ...found.imageIds.map((id) => `golden:${id}`)];
    for (const key of moving) this.#watched.add(key);
    this.#pokeAll(moving);
    const pools = found.poolIds.map((id) => `pool:${id}`);
    this.#pokeAll(pools);
    const orphans = found.orphans.map(({ kind, id }) => `orphan:${kind}:${id}`);
    for (const key of orphans)
      if (!this.#resting.has(key)) log.warn({ key }, 'removing a machine of ours that no row owns');
    this.#pokeAll(orphans);
    const known = new Set([...moving, ...pools, ...orphans]);
    for (const key of this.#resting.keys()) if (!known.has(key)) this.#resting.delete(key);
    await this.#deps.provisioner.tidy();
  }

  async #work(key: string): Promise<void> {
    let outcome: Outcome = 'refused';
    try {
      outcome = await this.#step(key);
    } finally {
      // What throws would throw again at once, as what is refused would be refused.
      if (outcome === 'refused') this.#rest(key);
      else this.#resting.delete(key);
    }
  }

  #rest(key: string): void {
    const ms = Math.min((this.#resting.get(key)?.ms ?? REST_MS / 2) * 2, LONGEST_REST_MS);
    this.#resting.set(key, { untilMs: performance.now() + ms, ms });
  }

  async #step(key: string): Promise<Outcome> {
    const [kind, id] = key.split(/:(.*)/s) as [string, string];
    if (kind === 'vm') return reconcileVm(this.#deps, id);
    if (kind === 'golden') return reconcileImage(this.#deps, id);
    if (kind === 'pool') {
      await reconcilePool(this.#deps, id);
      await sleep(POOL_PAUSE_MS, undefined, { ref: false });
      return;
    }
    if (kind === 'pools-of') {
      for (const poolId of await poolsOfImage(this.#deps.db, id)) this.#tasks.poke(`pool:${poolId}`, { urgent: true });
      return;
    }
    const [orphan, orphanId] = id.split(':') as [MachineRef['kind'], string];
    return this.#deps.provisioner.destroy({ kind: orphan, id: orphanId });
  }
}
