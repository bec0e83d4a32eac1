/** Everything that can be told to the outside. */
import type { Actor, Principal } from './principal.js';

export const EVENT_KINDS = [
  'GOLDEN_IMAGE_REQUESTED',
  'GOLDEN_IMAGE_INSTALLING',
  'GOLDEN_IMAGE_PROGRESS',
  'GOLDEN_IMAGE_STUCK',
  'GOLDEN_IMAGE_SEALING',
  'GOLDEN_IMAGE_READY',
  'GOLDEN_IMAGE_DAMAGED',
  'GOLDEN_IMAGE_MENDED',
  'GOLDEN_IMAGE_PROMOTED',
  'GOLDEN_IMAGE_RETIRED',
  'GOLDEN_IMAGE_DELETED',
  'GOLDEN_IMAGE_FAILED',
  'GOLDEN_IMAGE_CLEANED',
  'VM_REQUESTED',
  'VM_BOOTING',
  'VM_NOT_READY',
  'VM_READY',
  'VM_ASSIGNED',
  'VM_RELEASING',
  'VM_DESTROYED',
  'VM_FAILED',
  'VM_CLEANED',
  'ASSIGNMENT_QUEUED',
  'ASSIGNMENT_ENDED',
  'COMMAND_QUEUED',
  'COMMAND_STARTED',
  'COMMAND_OUTPUT',
  'COMMAND_CANCELLING',
  'COMMAND_ENDED',
  'POOL_CHANGED',
  'POOL_BLOCKED',
  'POOL_DELETED',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

export interface NewEvent {
  kind: EventKind;
  vmType?: string;
  /** Left out for a VM: that is its pool's. */
  poolId?: string;
  vmId?: string;
  goldenImageId?: string;
  assignmentId?: string;
  reason?: string;
  /** Small facts for machines. Never a secret. */
  data?: Record<string, string | number | boolean | null>;
}

/** Puts an event on record, as caused by whoever the write is of; `by`: by somebody else, of whose order it is a part. */
export type Tell = (event: NewEvent, by?: Principal) => void;

export interface Event {
  /** Position in the one order of all events; a cursor. */
  seq: bigint;
  at: Date;
  kind: EventKind;
  actor: Actor;
  /** Who it was; null of what happened before that was kept. */
  principalId: string | null;
  principalName: string | null;
  vmType: string | null;
  poolId: string | null;
  vmId: string | null;
  goldenImageId: string | null;
  assignmentId: string | null;
  reason: string | null;
  data: Record<string, string | number | boolean | null>;
}
