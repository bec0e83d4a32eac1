/** The life of a golden image: states, what may happen in each, and what to do next. Pure. */
import { type Machine, whyLost, whyWaiting } from './vm.js';

export const IMAGE_STATUSES = ['REQUESTED', 'INSTALLING', 'SEALING', 'READY', 'RETIRED', 'DELETED', 'FAILED'] as const;
export type ImageStatus = (typeof IMAGE_STATUSES)[number];

export const IMAGE_EVENTS = ['STARTED', 'INSTALLED', 'WAITS', 'SEALED', 'RETIRED', 'DELETED', 'BROKE'] as const;
export type ImageEvent = (typeof IMAGE_EVENTS)[number];

export const INSTALL_PHASES = ['PULLING', 'DOWNLOADING', 'EXTRACTING', 'BUILDING', 'SETUP', 'CONFIGURING'] as const;
export type InstallPhase = (typeof INSTALL_PHASES)[number];

export const IMAGE_ACTIONS = ['MARK_READY', 'PROMOTE', 'RETIRE', 'DELETE'] as const;
export type ImageAction = (typeof IMAGE_ACTIONS)[number];

const table = {
  // A quick guest may report before we have noted that its container started.
  REQUESTED: { STARTED: 'INSTALLING', INSTALLED: 'SEALING', BROKE: 'FAILED', DELETED: 'DELETED' },
  // Asked for anew: its time begins when the engine starts it.
  INSTALLING: { INSTALLED: 'SEALING', WAITS: 'REQUESTED', BROKE: 'FAILED', DELETED: 'DELETED' },
  // Deleted: sealing may wait for ever, for room on a disk that is full.
  SEALING: { SEALED: 'READY', BROKE: 'FAILED', DELETED: 'DELETED' },
  READY: { RETIRED: 'RETIRED' },
  RETIRED: { DELETED: 'DELETED' },
  DELETED: {},
  FAILED: { DELETED: 'DELETED' },
} as const satisfies Record<ImageStatus, Partial<Record<ImageEvent, ImageStatus>>>;

/** The status after `event`, or undefined when an image in `status` may not see it. */
export function imageTransition(status: ImageStatus, event: ImageEvent): ImageStatus | undefined {
  const row: Partial<Record<ImageEvent, ImageStatus>> = table[status];
  return row[event];
}

/** What a caller may ask of an image in `status`. Deletion is refused all the same while clones live. */
export function imageActions(status: ImageStatus, current: boolean): ImageAction[] {
  const actions: ImageAction[] = [];
  if (status === 'INSTALLING') actions.push('MARK_READY');
  if (status === 'READY' && !current) actions.push('PROMOTE');
  if (imageTransition(status, 'RETIRED')) actions.push('RETIRE');
  if (imageTransition(status, 'DELETED')) actions.push('DELETE');
  return actions;
}

export type ImageStep =
  | { do: 'nothing' }
  | { do: 'start' }
  | { do: 'watch' }
  | { do: 'seal' }
  | { do: 'wait'; reason: string }
  | { do: 'clean' }
  | { do: 'record'; event: ImageEvent; reason?: string };

export interface ImageFacts {
  status: ImageStatus;
  /** When the status last changed. */
  changedAt: Date;
  cleanedAt: Date | null;
}

/**
 * The next thing to do for a golden image, given what the engine shows of its container now. `hasAgent`: its guest says when all is
 * installed, so that a container that ended before is none to clone, although Windows may have shut down cleanly.
 */
export function imageStep(
  image: ImageFacts,
  machine: Machine | undefined,
  now: Date,
  installTimeoutMs: number,
  explainExit: (exitCode: number) => string,
  hasAgent: boolean,
): ImageStep {
  const lost = whyLost(machine);
  const waiting = whyWaiting(machine);
  const broke = (reason: string): ImageStep => ({ do: 'record', event: 'BROKE', reason });
  switch (image.status) {
    case 'REQUESTED':
      return lost === undefined ? { do: 'start' } : broke(lost);
    case 'INSTALLING':
      if (lost !== undefined) return broke(lost);
      if (waiting !== undefined) return { do: 'wait', reason: waiting };
      if (machine === undefined) return broke('its container vanished');
      // A guest without an agent can only power itself off when it is done; the seal then judges the disk.
      if (machine.state === 'exited' && machine.exitCode === 0 && !hasAgent)
        return { do: 'record', event: 'INSTALLED' };
      if (machine.state === 'exited') {
        const early = machine.exitCode === 0 ? ' before its guest said that all is installed' : '';
        return broke(`its container ended${early}: ${explainExit(machine.exitCode ?? -1)}`);
      }
      if (machine.diskGone) return broke('its folder was removed');
      if (now.getTime() - image.changedAt.getTime() > installTimeoutMs) {
        const minutes = Math.round(installTimeoutMs / 60_000);
        return broke(`the installation did not end within ${minutes} min`);
      }
      return { do: 'watch' };
    case 'SEALING':
      return lost === undefined ? { do: 'seal' } : broke(lost);
    case 'DELETED':
    case 'FAILED':
      return image.cleanedAt === null ? { do: 'clean' } : { do: 'nothing' };
    case 'READY':
    case 'RETIRED':
      return { do: 'nothing' };
    default:
      return image.status satisfies never;
  }
}
