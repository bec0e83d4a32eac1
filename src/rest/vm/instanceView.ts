/** VMs in the prototype's words: what automation that was written for it reads. */
import { z } from '@hono/zod-openapi';
import type { Guest } from '../../db/guests.js';
import type { Vm } from '../../db/vms.js';
import type { EndpointsOf } from '../../domain/endpoints.js';
import type { VmStatus } from '../../domain/vm.js';
import { addressesOf } from '../addressesOf.js';
import { Time } from '../parameters.js';

export const INSTANCE_STATUSES = ['starting', 'ready', 'busy', 'stopping', 'failed'] as const;

export const Instance = z
  .object({
    instance_id: z.string(),
    container_id: z.string().nullable(),
    vm_type: z.string(),
    pool: z.string().nullable().openapi({ description: 'Name of its pool; null: that was deleted.' }),
    status: z.enum(INSTANCE_STATUSES),
    port: z.int().nullable().openapi({ description: 'Web port (noVNC); null until the container is made.' }),
    is_hot_spare: z.boolean(),
    assigned_to: z.string().nullable(),
    created_at: Time,
  })
  .openapi('Instance');

export const InstanceDetails = Instance.extend({
  golden_id: z.string(),
  reason: z.string().nullable().openapi({ description: 'Why it failed or is being released.' }),
  cpu_cores: z.int(),
  ram_mib: z.int(),
  novnc_url: z.string().nullable(),
  rdp_port: z.int().nullable(),
  ready_at: Time.nullable(),
  assigned_at: Time.nullable(),
  not_ready: z.string().nullable().openapi({
    description:
      'Why it is not to be used now: its engine makes it wait or has lost it, its guest, which answers, is not accepted yet, or an assigned VM is paused, not connected, without its disk, or not heard any more.',
  }),
  guest: z
    .object({
      windows: z.string().nullable(),
      build: z.string().nullable(),
      computer_name: z.string().nullable(),
      user_name: z.string().nullable(),
      ip: z.string().nullable(),
      clock_skew_ms: z.int().nullable(),
      seen_at: Time,
    })
    .nullable()
    .openapi({ description: 'What its guest says of itself; null before its agent first called in.' }),
}).openapi('InstanceDetails');

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

/** `pools`: the names of pools by their ids. */
export function instanceView(vm: Vm, pools: ReadonlyMap<string, string>, endpointsOf: EndpointsOf) {
  const status = instanceStatus(vm.status);
  if (status === undefined) return undefined;
  return {
    instance_id: vm.id,
    container_id: vm.engineId,
    vm_type: vm.vmType,
    pool: pools.get(vm.poolId) ?? null,
    status,
    port: addressesOf(vm, endpointsOf).port,
    is_hot_spare: vm.hotSpare,
    assigned_to: vm.assignedTo,
    created_at: vm.createdAt.toISOString(),
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
