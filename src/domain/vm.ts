/** The life of one VM: states, what may happen in each, and what to do next. Pure. */

export const VM_STATUSES = ['REQUESTED', 'BOOTING', 'READY', 'ASSIGNED', 'RELEASING', 'DESTROYED', 'FAILED'] as const;
export type VmStatus = (typeof VM_STATUSES)[number];

export const VM_EVENTS = ['STARTED', 'GUEST_READY', 'WAITS', 'CLAIMED', 'RELEASED', 'BROKE', 'GONE'] as const;
export type VmEvent = (typeof VM_EVENTS)[number];

export const VM_ACTIONS = ['RELEASE', 'DESTROY'] as const;
export type VmAction = (typeof VM_ACTIONS)[number];

const table = {
  // A quick guest may report before we have noted that its container started.
  REQUESTED: { STARTED: 'BOOTING', GUEST_READY: 'READY', BROKE: 'FAILED', RELEASED: 'RELEASING' },
  // What the engine makes wait is to be started anew when its time has come; its time to boot begins then.
  BOOTING: { GUEST_READY: 'READY', WAITS: 'REQUESTED', BROKE: 'FAILED', RELEASED: 'RELEASING' },
  READY: { CLAIMED: 'ASSIGNED', WAITS: 'REQUESTED', BROKE: 'FAILED', RELEASED: 'RELEASING' },
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
  /**
   * `waiting`: the engine has taken it and starts it when it can, which may be in days; nothing of it runs. `lost`: nobody knows what
   * became of it, and it may still run.
   */
  state: 'created' | 'waiting' | 'running' | 'paused' | 'exited' | 'lost';
  /** Why it waits, or is lost. In words for people. */
  reason?: string;
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
  | { do: 'wait'; reason: string }
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

export const makesWait = (reason = 'it does not say why'): string => `the engine makes it wait: ${reason}`;

/** Why the engine has not started a machine that it has taken; undefined: it is none of those. */
export function whyWaiting(machine: Machine | undefined): string | undefined {
  return machine?.state === 'waiting' ? makesWait(machine.reason) : undefined;
}

/** Why nobody knows what became of a machine; undefined: it is not lost. */
export function whyLost(machine: Machine | undefined): string | undefined {
  if (machine?.state !== 'lost') return undefined;
  return `the engine has lost it, and it may still run: ${machine.reason ?? 'it does not say why'}`;
}

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
 *
 * One that the engine makes wait has not failed, however long that takes: unless somebody has it, it is asked for anew (`wait`, then `start`
 * again and again). One that is lost has, and is replaced by another; what it had is nobody's until `clean` is done, which it is not before
 * the engine knows that all of it is gone.
 */
export function vmStep(
  vm: VmFacts,
  machine: Machine | undefined,
  now: Date,
  bootTimeoutMs: number,
  explainExit: (exitCode: number) => string,
): VmStep {
  const broke = (reason: string): VmStep => ({ do: 'record', event: 'BROKE', reason });
  const lost = whyLost(machine);
  const over = (): VmStep => {
    if (machine === undefined) return broke('its container vanished');
    return broke(lost ?? `its container ended: ${explainExit(machine.exitCode ?? -1)}`);
  };
  const flaw = machine && flawOf(machine);
  const waiting = whyWaiting(machine);
  const lives = waiting !== undefined || machine?.state === 'running' || machine?.state === 'paused';
  switch (vm.status) {
    case 'REQUESTED':
      return lost === undefined ? { do: 'start' } : broke(lost);
    case 'BOOTING':
      if (!lives) return over();
      if (waiting !== undefined) return { do: 'wait', reason: waiting };
      if (now.getTime() - vm.changedAt.getTime() > bootTimeoutMs) {
        const seconds = Math.round(bootTimeoutMs / 1000);
        const why = flaw ?? vm.notReady;
        return broke(`the guest was not ready within ${seconds} s${why ? `: ${why}` : ''}`);
      }
      return { do: 'probe' };
    case 'READY':
      if (!lives) return over();
      if (waiting !== undefined) return { do: 'wait', reason: waiting };
      if (flaw !== undefined) return broke(flaw);
      return vm.silentMs === undefined ? { do: 'nothing' } : { do: 'look', silentMs: vm.silentMs };
    case 'ASSIGNED': {
      if (!lives) return over();
      const why = waiting ?? flaw ?? (vm.silentMs === undefined ? null : UNHEARD);
      return why === (vm.notReady ?? null) ? { do: 'nothing' } : { do: 'tell', reason: why };
    }
    case 'RELEASING':
      return lost === undefined || lost === vm.notReady ? { do: 'clean' } : { do: 'tell', reason: lost };
    case 'FAILED':
      return vm.cleanedAt === null ? { do: 'clean' } : { do: 'nothing' };
    case 'DESTROYED':
      return { do: 'nothing' };
    default:
      return vm.status satisfies never;
  }
}
