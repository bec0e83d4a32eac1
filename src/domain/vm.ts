/** The life of one VM: states, what may happen in each, and what to do next. Pure. */

export const VM_STATUSES = ['REQUESTED', 'BOOTING', 'READY', 'ASSIGNED', 'RELEASING', 'DESTROYED', 'FAILED'] as const;
export type VmStatus = (typeof VM_STATUSES)[number];

export const VM_EVENTS = ['STARTED', 'GUEST_READY', 'CLAIMED', 'RELEASED', 'BROKE', 'GONE'] as const;
export type VmEvent = (typeof VM_EVENTS)[number];

export const VM_ACTIONS = ['RELEASE', 'DESTROY'] as const;
export type VmAction = (typeof VM_ACTIONS)[number];

const table = {
  // A quick guest may report before we have noted that its container started.
  REQUESTED: { STARTED: 'BOOTING', GUEST_READY: 'READY', BROKE: 'FAILED', RELEASED: 'RELEASING' },
  BOOTING: { GUEST_READY: 'READY', BROKE: 'FAILED', RELEASED: 'RELEASING' },
  READY: { CLAIMED: 'ASSIGNED', BROKE: 'FAILED', RELEASED: 'RELEASING' },
  ASSIGNED: { BROKE: 'FAILED', RELEASED: 'RELEASING' },
  RELEASING: { GONE: 'DESTROYED' },
  FAILED: {},
  DESTROYED: {},
} as const satisfies Record<VmStatus, Partial<Record<VmEvent, VmStatus>>>;

/** The status after `event`, or undefined when a VM in `status` may not see it. */
export function vmTransition(status: VmStatus, event: VmEvent): VmStatus | undefined {
  const row: Partial<Record<VmEvent, VmStatus>> = table[status];
  return row[event];
}

/** What a caller may ask of a VM in `status`; a dashboard shows just these. */
export function vmActions(status: VmStatus): VmAction[] {
  if (vmTransition(status, 'RELEASED') === undefined) return [];
  return status === 'ASSIGNED' ? ['RELEASE', 'DESTROY'] : ['DESTROY'];
}

/** What the engine shows of one machine (a container and what belongs to it). */
export interface Machine {
  /** The engine's own id of the container. */
  engineId: string;
  state: 'created' | 'running' | 'paused' | 'exited';
  /** Meaningful when exited. */
  exitCode?: number;
  startedAt?: Date;
  /** Somebody took it out of the network of the VMs. */
  disconnected?: boolean;
  /** Somebody removed its folders or its disk. */
  diskGone?: boolean;
}

export type VmStep =
  | { do: 'nothing' }
  | { do: 'start' }
  | { do: 'probe' }
  | { do: 'look'; silentMs: number }
  | { do: 'tell'; reason: string | null }
  | { do: 'clean' }
  | { do: 'record'; event: VmEvent; reason?: string };

/** What `vmStep` must know of a VM. */
export interface VmFacts {
  status: VmStatus;
  /** When the status last changed. */
  changedAt: Date;
  /** When its container and disk were seen to be gone. */
  cleanedAt: Date | null;
  /** Why its guest, which answers, was not accepted as ready. */
  notReady?: string | null;
  /** For how long nothing was heard of it, where that is too long. */
  silentMs?: number | undefined;
}

const UNHEARD = 'its guest is not heard any more';

/** Why nobody can use a machine that is there. */
function flawOf({ state, disconnected, diskGone }: Machine): string | undefined {
  if (diskGone) return 'its folder or its disk was removed';
  if (state === 'paused') return 'its container is paused';
  return disconnected ? 'its container was taken out of the network of the VMs' : undefined;
}

/**
 * The next thing to do for a VM, given what the engine shows of it now (undefined: nothing).
 * `bootTimeoutMs` is how long a VM may stay BOOTING.
 *
 * A READY VM that nobody could use is broken. One in somebody's hands is never taken away for that: its holder is told why it is
 * not to be had (`tell`), and when it is again (`tell` null).
 */
export function vmStep(
  vm: VmFacts,
  machine: Machine | undefined,
  now: Date,
  bootTimeoutMs: number,
  explainExit: (exitCode: number) => string,
): VmStep {
  const lost = (): VmStep => ({
    do: 'record',
    event: 'BROKE',
    reason:
      machine === undefined ? 'its container vanished' : `its container ended: ${explainExit(machine.exitCode ?? -1)}`,
  });
  const flaw = machine && flawOf(machine);
  const runs = machine?.state === 'running' || machine?.state === 'paused';
  switch (vm.status) {
    case 'REQUESTED':
      return { do: 'start' };
    case 'BOOTING':
      if (!runs) return lost();
      if (now.getTime() - vm.changedAt.getTime() > bootTimeoutMs) {
        const seconds = Math.round(bootTimeoutMs / 1000);
        const why = flaw ?? vm.notReady;
        return {
          do: 'record',
          event: 'BROKE',
          reason: `the guest was not ready within ${seconds} s${why ? `: ${why}` : ''}`,
        };
      }
      return { do: 'probe' };
    case 'READY':
      if (!runs) return lost();
      if (flaw !== undefined) return { do: 'record', event: 'BROKE', reason: flaw };
      return vm.silentMs === undefined ? { do: 'nothing' } : { do: 'look', silentMs: vm.silentMs };
    case 'ASSIGNED': {
      if (!runs) return lost();
      const why = flaw ?? (vm.silentMs === undefined ? null : UNHEARD);
      return why === (vm.notReady ?? null) ? { do: 'nothing' } : { do: 'tell', reason: why };
    }
    case 'RELEASING':
      return { do: 'clean' };
    case 'FAILED':
      return vm.cleanedAt === null ? { do: 'clean' } : { do: 'nothing' };
    case 'DESTROYED':
      return { do: 'nothing' };
    default:
      return vm.status satisfies never;
  }
}
