import { setTimeout as sleep } from 'node:timers/promises';
import { Unavailable } from '../../domain/errors.js';
import { INSTALL_PHASES } from '../../domain/image.js';
import type { Lead } from '../../domain/lead.js';
import { qemuAgentOff } from '../../domain/qemuAgent.js';
import { NotThere } from '../dial.js';
import { type HostPortsOptions, hostPorts } from '../hostPorts.js';
import {
  Broken,
  type Builder,
  type CloneSpec,
  type InstallProgress,
  type InstallSpec,
  type IsWanted,
  type MachineRef,
  type Provisioner,
  type Started,
  Unwanted,
  Waiting,
} from '../provisioner.js';
import { LOST, type Misfortune, SimulatedMachine, WAITS } from './simulatedMachine.js';
import { simulatedScreens } from './simulatedScreens.js';

export interface SimulatedOptions {
  /** How long creating a container takes, until a clone's guest is ready, and until an installation is done. */
  createMs: number;
  bootMs: number;
  installMs: number;
  /** Share of the clones whose container ends while it boots, 0..1. */
  failureRate: number;
  /** Called when the guest would report by itself. */
  onReady: (vmId: string, spec: CloneSpec) => void;
  onInstalled: (goldenImageId: string, spec: InstallSpec) => void;
  /** The VM's machine has ended or is gone. */
  onEnded: (vmId: string) => void;
  /** Called this often for each clone whose guest is up, as its polls would be. */
  onSeen: (vmId: string) => void;
  seenEveryMs: number;
  /** What their endpoints are called; left out: they have none. */
  hostPorts?: HostPortsOptions;
}

/** Ways to break the next machine, for tests. Each is used up by the machine that it breaks. */
export type Fault = 'clone' | 'boot' | 'never-ready' | 'seal' | 'wait';

export interface SimulatedProvisioner extends Provisioner {
  readonly kind: 'simulated';
  /** The next machine takes this path. */
  failNext(fault: Fault): void;
  /** The machine's container ends, as by a crash. */
  kill(ref: MachineRef, exitCode: number): void;
  /**
   * What befalls a machine, until it is undone. A frozen guest answers nothing, a deaf one has lost its agent; the engine sees neither. One
   * that waited begins anew.
   */
  befall(ref: MachineRef, misfortune: Misfortune, on?: boolean): void;
  /** The files of a golden image are gone, or back. */
  loseGolden(goldenImageId: string, lost?: boolean): void;
}

/**
 * Machines that exist only in this process, in real time: for tests, demos and load. The same rules as real ones,
 * no VM behind them. A restart of the server loses them all, like a host that lost power.
 */
export function createSimulatedProvisioner(options: SimulatedOptions): SimulatedProvisioner {
  const machines = new Map<string, SimulatedMachine>();
  const goldens = new Set<string>();
  const lost = new Set<string>();
  const watchers = new Set<(ref: MachineRef) => void>();
  const faults: Fault[] = [];

  const keyOf = (ref: MachineRef) => `${ref.kind}:${ref.id}`;
  const hint = (ref: MachineRef) => {
    for (const watcher of watchers) watcher(ref);
  };
  const takeFault = (fault: Fault) => {
    const at = faults.indexOf(fault);
    if (at >= 0) faults.splice(at, 1);
    return at >= 0;
  };
  const end = (ref: MachineRef, exitCode: number) => {
    const machine = machines.get(keyOf(ref));
    if (machine === undefined || machine.state === 'exited') return;
    machine.end(exitCode);
    if (ref.kind === 'vm') options.onEnded(ref.id);
    hint(ref);
  };

  const befall = (ref: MachineRef, misfortune: Misfortune, on = true) => {
    const machine = machines.get(keyOf(ref));
    if (machine === undefined) throw new Error(`there is no machine ${keyOf(ref)}`);
    machine.befall(misfortune, on);
    if (machine.state === 'waiting' && ref.kind === 'vm') options.onEnded(ref.id);
    if (misfortune !== 'frozen' && misfortune !== 'deaf') hint(ref);
  };
  const beat = setInterval(() => {
    for (const machine of machines.values()) if (machine.isUp() && !machine.deaf) options.onSeen(machine.ref.id);
  }, options.seenEveryMs).unref();

  async function start(
    lead: Lead,
    ref: MachineRef,
    isWanted: IsWanted | undefined,
    bootMs: number,
    then: () => void,
  ): Promise<Started | Waiting | Unavailable> {
    const known = machines.get(keyOf(ref));
    if (known?.state === 'lost') return isLost();
    if (known) return shownAs(known);
    const waits = takeFault('wait');
    await sleep(options.createMs);
    await lead.confirm();
    if (isWanted && !(await isWanted())) throw new Unwanted(`${ref.kind} ${ref.id} is not wanted any more`);
    const machine = new SimulatedMachine(ref, bootMs, then);
    if (waits) machine.wait();
    else machine.begin();
    machines.set(keyOf(ref), machine);
    hint(ref);
    return shownAs(machine);
  }

  const builder = (lead: Lead): Builder => ({
    install: (spec: InstallSpec) =>
      start(lead, { kind: 'golden', id: spec.id }, spec.isWanted, options.installMs, () =>
        options.onInstalled(spec.id, spec),
      ),

    seal: async (id) => {
      if (goldens.has(id)) return sealed;
      if (takeFault('seal')) throw new Broken('simulated: the disk is not usable');
      await sleep(options.createMs);
      await lead.confirm();
      goldens.add(id);
      machines.delete(keyOf({ kind: 'golden', id }));
      return sealed;
    },

    deleteGolden: async (id) => {
      await lead.confirm();
      goldens.delete(id);
    },

    clone: async (spec: CloneSpec) => {
      const ref: MachineRef = { kind: 'vm', id: spec.id };
      if (takeFault('clone') || lost.has(spec.goldenImageId)) throw new Broken(MISSING);
      const breaks = takeFault('boot') || Math.random() < options.failureRate;
      if (breaks) return start(lead, ref, spec.isWanted, options.bootMs, () => end(ref, 1));
      if (takeFault('never-ready')) return start(lead, ref, spec.isWanted, Number.POSITIVE_INFINITY, () => {});
      return start(lead, ref, spec.isWanted, options.bootMs, () => options.onReady(spec.id, spec));
    },

    qemuAgent: async () => qemuAgentOff(),
    tidy: async () => {},
    destroy: async (ref) => {
      await lead.confirm();
      if (machines.get(keyOf(ref))?.state === 'lost') throw isLost();
      machines.get(keyOf(ref))?.stop();
      if (ref.kind === 'vm') options.onEnded(ref.id);
      if (machines.delete(keyOf(ref))) hint(ref);
    },
  });

  return {
    kind: 'simulated',
    ...(options.hostPorts ? hostPorts(options.hostPorts) : { allotment: undefined, endpoints: () => undefined }),
    lead: builder,
    failNext: (fault) => faults.push(fault),
    kill: end,
    befall,
    loseGolden: (id, isLost = true) => void (isLost ? lost.add(id) : lost.delete(id)),
    goldenProblem: async (id) => (lost.has(id) ? MISSING : undefined),

    progress: async (id): Promise<InstallProgress | undefined> => {
      const machine = machines.get(keyOf({ kind: 'golden', id }));
      if (machine === undefined) return undefined;
      const done = machine.share();
      const phases = INSTALL_PHASES.filter((phase) => phase !== 'PULLING');
      const at = Math.min(phases.length - 1, Math.floor(done * phases.length));
      const phase = phases[at] ?? 'SETUP';
      return {
        phase,
        progress: Math.round((done * phases.length - at) * 100) / 100,
        message: `Simulated: ${phase.toLowerCase()}`,
      };
    },

    ...simulatedScreens((ref) => machines.get(keyOf(ref))?.state === 'running'),
    inspect: async (ref) => machines.get(keyOf(ref)),
    logTail: async () => [],
    share: () => undefined,
    oemBundles: undefined,
    guestWays: undefined,
    hasQemuAgent: false,
    dial: async () => {
      throw new NotThere('it is simulated');
    },
    answersRdp: async (id) => {
      const machine = machines.get(keyOf({ kind: 'vm', id }));
      return machine?.isUp() === true;
    },
    list: async () => [...machines.values()].map((machine) => ({ ref: machine.ref, machine })),
    room: async () => undefined,
    vmSizes: async () => new Map(),
    admit: async () => undefined,
    watch: (onHint) => {
      watchers.add(onHint);
      return () => watchers.delete(onHint);
    },
    health: async () => ({
      provisioner: { status: 'OK', message: `simulated: ${machines.size} machines that are not real` },
      storage: { status: 'OK', message: 'simulated: no disks' },
    }),
    close: async () => {
      clearInterval(beat);
      for (const machine of machines.values()) machine.stop();
    },
    explainExit: (exitCode) => `simulated exit code ${exitCode}`,
  };
}

const shownAs = ({ engineId, state }: SimulatedMachine) =>
  state === 'waiting' ? new Waiting(WAITS) : { engineId, containerImage: 'simulated' };
const isLost = () => new Unavailable('guest', LOST, 'Wait until its host is back, or gone for good.');
const MISSING = 'simulated: the golden image is missing';
const sealed = { sizeBytes: 1, sha256: '0'.repeat(64) };
