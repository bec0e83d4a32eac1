import type { Duplex } from 'node:stream';
import type { Allotment, EndpointsOf } from '../domain/endpoints.js';
import type { CapacityExhausted, Unavailable } from '../domain/errors.js';
import type { GuestWays } from '../domain/guestWays.js';
import type { PartHealth } from '../domain/health.js';
import type { InstallPhase } from '../domain/image.js';
import type { Lead } from '../domain/lead.js';
import type { OemBundles } from '../domain/oemBundles.js';
import type { QemuAgent } from '../domain/qemuAgent.js';
import type { Screens } from '../domain/screen.js';
import type { Share } from '../domain/share.js';
import type { Machine } from '../domain/vm.js';

/** What a machine is: a clone, or the installation of a golden image. The id is the row's. */
export interface MachineRef {
  kind: 'vm' | 'golden';
  id: string;
}

/** Asked right before the container is made, which may be long after the order: a pull lies between. Left out: yes. */
export type IsWanted = () => Promise<boolean>;

/** A golden image to install. */
export interface InstallSpec {
  id: string;
  /** Passed to Windows setup as VERSION; `isoUrl`, where given, replaces it. */
  vmType: string;
  language: string;
  isoUrl: string | null;
  /** The user's own files for it, by the bundle's name. */
  oemBundle: string | null;
  cpuCores: number;
  /** What the guest sees. */
  ramMiB: number;
  diskGiB: number;
  /** One of the engine's `allotment` that no other machine has; undefined where it has none. */
  endpoint: string | undefined;
  /** What the guest needs in order to call us. A secret. */
  token: string;
  isWanted?: IsWanted;
}

/** A VM to clone from a sealed golden image and start. */
export interface CloneSpec {
  id: string;
  goldenImageId: string;
  vmType: string;
  /** Container image that installed the golden image. */
  containerImage: string;
  language: string;
  cpuCores: number;
  ramMiB: number;
  diskGiB: number;
  endpoint: string | undefined;
  token: string;
  isWanted?: IsWanted;
}

/** What a new machine would need of the host. */
export interface Need {
  kind: 'install' | 'clone';
  cpuCores: number;
  ramMiB: number;
  diskGiB: number;
}

/** One thing that is marked as ours. */
export interface Listed {
  ref: MachineRef;
  /** Undefined: a folder without a container. */
  machine: Machine | undefined;
}

/** A started machine. */
export interface Started {
  engineId: string;
  /** Reference of the container image it runs. */
  containerImage: string;
}

/** The engine has taken the machine, and starts it when it can: asked again it says the same until then. */
export class Waiting {
  /** In words for people. */
  constructor(readonly reason: string) {}
}

/** A stranger holds what the endpoint stands for: take another. */
export class EndpointTaken extends Error {}

/** Nobody wants the machine any more: nothing was made. */
export class Unwanted extends Error {}

/** Will not get better by trying again: the row is marked FAILED with this message. */
export class Broken extends Error {}

export interface InstallProgress {
  phase: InstallPhase;
  /** How far the phase is, 0..1; null while unknown. */
  progress: number | null;
  /** The image's own words. Text from outside: bounded, no control characters. */
  message: string;
}

export interface Sealed {
  /** Bytes of the golden disk's file. */
  sizeBytes: number;
  sha256: string;
}

/**
 * Makes and destroys machines: a container and all that belongs to it (disk, shared folder). For the server that leads: each change is
 * made only after its lead was confirmed, and one that comes late all the same harms nothing that another leader made meanwhile.
 * Every operation may be asked twice and may be killed anywhere; asking again carries on. All of them throw `NotLeading`.
 */
export interface Builder {
  /**
   * Starts the installation of a golden image and returns once its container runs, half an hour before Windows is up, or waits to.
   * Pulls the container image if it is missing and reports that as phase PULLING.
   * @throws EndpointTaken, Broken, Unwanted
   */
  install(
    spec: InstallSpec,
    onProgress: (progress: InstallProgress) => void,
  ): Promise<Started | Waiting | Unavailable | CapacityExhausted>;

  /**
   * Shuts the guest down cleanly, checks that its disk is whole, makes it read-only and removes the container.
   * @throws Broken  the disk is not usable; the message says why.
   */
  seal(goldenImageId: string): Promise<Sealed | Unavailable>;

  /** Removes a sealed golden image's files. The caller has made sure that no clone lives. */
  deleteGolden(goldenImageId: string): Promise<void>;

  /**
   * Clones the golden image's disk and starts a VM on it; returns once its container runs, or waits to.
   * A machine that already runs under this id is left as it is; one that is lost is `Unavailable`, and none is made beside it.
   * @throws EndpointTaken, Unwanted
   * @throws Broken  the golden image is missing or was changed.
   */
  clone(spec: CloneSpec): Promise<Started | Waiting | Unavailable | CapacityExhausted>;

  /**
   * Removes the container, its volumes, its disk and its shared folder, at once and without asking the guest.
   * Resolves when all of it is seen to be gone. A sealed golden image is not touched.
   * @throws Unavailable  among others while the machine is lost: it may still run, and write to its disk.
   */
  destroy(ref: MachineRef): Promise<void>;

  /**
   * Connects to the QEMU guest agent of a VM, for who has it in the golden image. One at a time: whoever asks while another is
   * connected is told that it does not answer. `Unavailable`: it is switched off here, or does not answer now.
   */
  qemuAgent(vmId: string): Promise<QemuAgent | Unavailable>;

  /** Removes what helped with machines and was left over: throw-away containers that nobody waits for any more. */
  tidy(): Promise<void>;
}

/**
 * What there is of machines, and what they can be asked. Knows no database.
 * An engine that does not answer is an `Unavailable`, returned where listed and thrown elsewhere.
 * Screen, keyboard and mouse of each machine are there too: see `Screens`.
 */
export interface Provisioner extends Screens {
  readonly kind: 'docker' | 'simulated';

  /** The endpoints that are ours to give out; undefined: the engine sees by itself how its machines are reached. */
  readonly allotment: Allotment | undefined;

  /** Where people reach the machine with this endpoint. Pure: it is asked for each row that is shown. */
  readonly endpoints: EndpointsOf;

  /**
   * Where guests call in, and who is one; asked again and again, since both may change. Undefined: they need no door.
   * @throws Unavailable
   */
  readonly guestWays: (() => Promise<GuestWays>) | undefined;

  /** What changes machines, for one term of this server's lead. */
  lead(lead: Lead): Builder;

  /** How far the installation is, or undefined when nothing new is known. */
  progress(goldenImageId: string): Promise<InstallProgress | undefined>;

  /** The machine as the engine shows it now; undefined: there is none. */
  inspect(ref: MachineRef): Promise<Machine | undefined>;

  /** The last lines of what the machine's container printed; hostile text made fit to be shown, 2,000 characters at most. */
  logTail(ref: MachineRef, lines: number): Promise<string[]>;

  /** The files that a machine and its callers hand each other. Undefined: these machines have none. */
  share(ref: MachineRef): Share | undefined;

  /** The user's own files for installations. Undefined: these machines take none. */
  readonly oemBundles: OemBundles | undefined;

  /** Why no clone can be made of a sealed golden image, as far as a look at its files shows; undefined: nothing is known against it. */
  goldenProblem(goldenImageId: string): Promise<string | undefined>;

  /**
   * Connects to a port of the machine's container (`MACHINE_PORTS`), published or not. What listens there asks nobody who they are.
   * @throws Unavailable  there is no such machine now, or it does not answer.
   */
  dial(ref: MachineRef, port: number): Promise<Duplex>;

  /** Whether new machines have a channel for the QEMU guest agent. */
  readonly hasQemuAgent: boolean;

  /** Whether the guest answers an RDP connection request now. */
  answersRdp(vmId: string): Promise<boolean>;

  /** Everything that is marked as ours: containers and folders, whole or half-made. Golden images that are sealed are not listed. */
  list(): Promise<Listed[]>;

  /** The disk that all machines share, in bytes; undefined: there is none. */
  room(): Promise<{ freeBytes: number; totalBytes: number } | undefined>;

  /** What each VM holds of that disk with its own and its share, in bytes; may take some seconds. */
  vmSizes(): Promise<Map<string, number>>;

  /** Whether the host could take one more such machine now; asked before a request is accepted, without a long wait. */
  admit(need: Need): Promise<Unavailable | CapacityExhausted | undefined>;

  /** Calls back when something happened to a machine. A hint: may be late, doubled or missing. Returns how to stop. */
  watch(onHint: (ref: MachineRef) => void): () => void;

  /** Never throws; answers within 5 s. */
  health(): Promise<{ provisioner: PartHealth; storage: PartHealth }>;

  close(): Promise<void>;

  /** In words, why a machine's container ended with this code. Pure. */
  explainExit(exitCode: number, machine: EndedMachine): string;
}

/** What is known of a machine whose container ended. */
export interface EndedMachine {
  /** Its guest was ready once: it did boot. */
  wasReady: boolean;
  /** It was installed from a medium of the user's own. */
  isoUrl: boolean;
  /** The end of what its container printed. */
  log: string[];
}

/** All of it, for the server that leads. */
export type LeadingProvisioner = Provisioner & Builder;

export function leading<P extends Provisioner>(provisioner: P, lead: Lead): P & Builder {
  return { ...provisioner, ...provisioner.lead(lead) };
}
