/** Rows in the prototype's words: what automation that was written for it reads. */
import type { Guest } from '../db/guests.js';
import type { GoldenImage } from '../db/images.js';
import type { Vm } from '../db/vms.js';
import { type EndpointsOf, urlOf } from '../domain/endpoints.js';
import type { Event } from '../domain/events.js';
import type { ImageStatus } from '../domain/image.js';
import type { VmStatus } from '../domain/vm.js';

export const INSTANCE_STATUSES = ['starting', 'ready', 'busy', 'stopping', 'failed'] as const;
export const IMAGE_WORDS = ['creating', 'sealing', 'ready', 'retired', 'failed'] as const;

/** Undefined: the VM is no longer, and the prototype had no word for that. */
export function instanceStatus(status: VmStatus): (typeof INSTANCE_STATUSES)[number] | undefined {
  switch (status) {
    case 'REQUESTED':
    case 'BOOTING':
      return 'starting';
    case 'READY':
      return 'ready';
    case 'ASSIGNED':
      return 'busy';
    case 'RELEASING':
      return 'stopping';
    case 'FAILED':
      return 'failed';
    case 'DESTROYED':
      return undefined;
    default:
      return status satisfies never;
  }
}

export function imageWord(status: ImageStatus): (typeof IMAGE_WORDS)[number] | undefined {
  switch (status) {
    case 'REQUESTED':
    case 'INSTALLING':
      return 'creating';
    case 'SEALING':
      return 'sealing';
    case 'READY':
      return 'ready';
    case 'RETIRED':
      return 'retired';
    case 'FAILED':
      return 'failed';
    case 'DELETED':
      return undefined;
    default:
      return status satisfies never;
  }
}

export function instanceView(vm: Vm, endpointsOf: EndpointsOf) {
  const status = instanceStatus(vm.status);
  if (status === undefined) return undefined;
  return {
    instance_id: vm.id,
    container_id: vm.engineId,
    vm_type: vm.vmType,
    status,
    port: addressesOf(vm, endpointsOf).port,
    is_hot_spare: vm.hotSpare,
    assigned_to: vm.assignedTo,
    created_at: vm.createdAt.toISOString(),
  };
}

/** Where the machine can be reached; null where it can't. */
export function addressesOf({ endpoint }: { endpoint: string | null }, endpointsOf: EndpointsOf) {
  const there = endpointsOf(endpoint);
  return {
    port: there?.screen.port ?? null,
    novnc_url: there ? urlOf(there.screen) : null,
    rdp_port: there?.rdp.port ?? null,
  };
}

export function imageView(
  image: GoldenImage & { line: { name: string } },
  endpointsOf: EndpointsOf,
  estimatedReadyAt?: Date,
) {
  const status = imageWord(image.status);
  if (status === undefined) return undefined;
  return {
    golden_id: image.id,
    vm_type: image.vmType,
    line: image.line.name,
    version: image.version,
    name: image.name,
    oem_bundle: image.oemBundle,
    status,
    current: image.current,
    phase: image.phase,
    progress: image.progress,
    message: image.message,
    stuck: image.stuck,
    estimated_ready_at: estimatedReadyAt?.toISOString() ?? null,
    reason: image.reason,
    problem: image.problem,
    novnc_url: addressesOf(image, endpointsOf).novnc_url,
    created_at: image.createdAt.toISOString(),
    ready_at: image.readyAt?.toISOString() ?? null,
  };
}

export function eventView(event: Event) {
  return {
    seq: event.seq.toString(),
    at: event.at.toISOString(),
    kind: event.kind,
    actor: event.actor,
    principal_id: event.principalId,
    principal_name: event.principalName,
    vm_type: event.vmType,
    instance_id: event.vmId,
    golden_id: event.goldenImageId,
    assignment_id: event.assignmentId,
    reason: event.reason,
    data: event.data,
  };
}

/** What a guest says of itself. */
export function guestView(guest: Guest | null) {
  return (
    guest && {
      windows: guest.windows,
      build: guest.build,
      computer_name: guest.computer,
      user_name: guest.userName,
      ip: guest.ip,
      clock_skew_ms: guest.clockSkewMs,
      seen_at: guest.seenAt.toISOString(),
    }
  );
}
