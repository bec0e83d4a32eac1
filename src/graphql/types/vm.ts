import { VM_TYPE_DESCRIPTION } from '../../actions/fields.js';
import { createVm } from '../../actions/vm/createVm.js';
import { destroyVm, releaseVm } from '../../actions/vm/releaseVm.js';
import type { Vm as VmRow } from '../../db/vms.js';
import { urlOf } from '../../domain/endpoints.js';
import { NotFound } from '../../domain/errors.js';
import { type VmAction as Action, type VmStatus as Status, vmActions } from '../../domain/vm.js';
import { ID_DESCRIPTION, idArg, ONLY_POOL_DESCRIPTION, poolFilter } from '../args.js';
import { builder } from '../builder.js';
import { changes, present } from '../changes.js';
import { notFound } from '../errors.js';
import { AFTER_DESCRIPTION, FIRST_DESCRIPTION, pageByCreation, pageComplexity } from '../page.js';
import { mutation } from '../verbs.js';
import { Assignment } from './assignment.js';
import { GoldenImage } from './goldenImage.js';
import { CREATED_BY, Principal, principalOf } from './principal.js';

export const VmStatus = builder.enumType('VmStatus', {
  description: 'Where a VM is in its life.',
  values: {
    REQUESTED: {
      description: 'Asked for; its container is about to be made, or waits for its engine (`notReady` says why).',
    },
    BOOTING: { description: 'Its container runs and Windows starts.' },
    READY: { description: 'Windows is up and nobody has it.' },
    ASSIGNED: { description: 'Handed out.' },
    RELEASING: { description: 'Being destroyed.' },
    DESTROYED: { description: 'Gone, with all that was written to it.' },
    FAILED: { description: 'Broke; `reason` says why.' },
  } satisfies Record<Status, { description: string }>,
});

const VmAction = builder.enumType('VmAction', {
  description: 'What may be asked of a VM now.',
  values: {
    RELEASE: { description: 'Give it back: releaseVm.' },
    DESTROY: { description: 'Destroy it: destroyVm.' },
  } satisfies Record<Action, { description: string }>,
});

export const Vm = builder.node(builder.objectRef<VmRow>('Vm'), {
  description: 'One Windows VM: a clone of a golden image, and the container that runs it.',
  id: { resolve: ({ id }) => id },
  loadMany: (ids, { load }) => ids.map((id) => load.vm(id)),
  fields: (t) => ({
    instanceId: t.exposeString('id', { description: 'The bare UUID: the `instance_id` of REST.' }),
    vmType: t.exposeString('vmType', { description: 'Windows version.' }),
    status: t.expose('status', { type: VmStatus, description: 'Where it is in its life.' }),
    hotSpare: t.exposeBoolean('hotSpare', { description: 'Whether it was made by its pool and waits to be assigned.' }),
    assignedTo: t.exposeString('assignedTo', { nullable: true, description: 'Whom or what it was assigned to.' }),
    port: t.int({
      nullable: true,
      description: 'Web port (noVNC) on the host; null while it has no container.',
      resolve: ({ endpoint }, _args, { endpointsOf }) => endpointsOf(endpoint)?.screen.port ?? null,
    }),
    rdpPort: t.int({
      nullable: true,
      description: 'RDP port on the host: the web port + 1000.',
      resolve: ({ endpoint }, _args, { endpointsOf }) => endpointsOf(endpoint)?.rdp.port ?? null,
    }),
    novncUrl: t.string({
      nullable: true,
      description: 'Its screen in a browser; null while it has no container.',
      resolve: ({ endpoint }, _args, { endpointsOf }) => {
        const there = endpointsOf(endpoint);
        return there ? urlOf(there.screen) : null;
      },
    }),
    containerId: t.exposeString('engineId', { nullable: true, description: "The engine's id of its container." }),
    cpuCores: t.exposeInt('cpuCores', { description: 'Virtual processors.' }),
    ramMiB: t.exposeInt('ramMiB', { description: 'Memory that Windows sees, in MiB.' }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why it failed or is being destroyed.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked for.' }),
    createdBy: t.field({
      type: Principal,
      nullable: true,
      description: CREATED_BY,
      resolve: principalOf,
    }),
    changedAt: t.expose('changedAt', { type: 'DateTime', description: 'When its status last changed.' }),
    readyAt: t.expose('readyAt', { type: 'DateTime', nullable: true, description: 'When Windows was up.' }),
    assignedAt: t.expose('assignedAt', { type: 'DateTime', nullable: true, description: 'When it was handed out.' }),
    cleanedAt: t.expose('cleanedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When its container, its volumes and its disk were seen to be gone.',
    }),
    goldenImage: t.field({
      type: GoldenImage,
      nullable: true,
      description: 'The golden image that its disk is a clone of.',
      resolve: (vm, _args, { load }) => load.goldenImage(vm.goldenImageId),
    }),
    assignment: t.field({
      type: Assignment,
      nullable: true,
      description: 'The assignment that holds it now.',
      resolve: (vm, _args, { load }) => (vm.status === 'ASSIGNED' ? load.assignmentOfVm(vm.id) : null),
    }),
    allowedActions: t.field({
      type: [VmAction],
      description: 'What may be asked of it now. Offer these and no others.',
      resolve: (vm) => vmActions(vm.status),
    }),
  }),
});

export const VmConnection = builder.connectionObject({ type: Vm, name: 'VmConnection' }, { name: 'VmEdge' });

const LIVE_DESCRIPTION = 'True: only VMs that may still hold a container or a disk. False: only those that are gone.';

builder.objectField(GoldenImage, 'vms', (t) =>
  t.field({
    type: VmConnection,
    description: 'Its clones, oldest first, those that are gone too.',
    args: {
      status: t.arg({ type: VmStatus, description: 'Only VMs in this status.' }),
      live: t.arg.boolean({ description: LIVE_DESCRIPTION }),
      first: t.arg.int({ description: FIRST_DESCRIPTION }),
      after: t.arg.string({ description: AFTER_DESCRIPTION }),
    },
    complexity: pageComplexity,
    resolve: ({ id }, { status, live, ...args }, { read }) => {
      const filter = { goldenImageId: id, ...(status != null && { status }), ...liveFilter(live) };
      return pageByCreation(args, ({ where, ...slice }) =>
        read((db) => db.vm.findMany({ where: { ...filter, ...where }, ...slice })),
      );
    },
  }),
);

builder.objectField(Assignment, 'vm', (t) =>
  t.field({
    type: Vm,
    nullable: true,
    description: 'The VM it got; null while it is queued.',
    resolve: ({ vmId }, _args, { load }) => (vmId === null ? null : load.vm(vmId)),
  }),
);

function liveFilter(live: boolean | null | undefined) {
  return live != null && { cleanedAt: live ? null : { not: null } };
}

builder.queryFields((t) => ({
  vm: t.field({
    type: Vm,
    nullable: true,
    description: 'One VM, or null when there is none with this id.',
    args: { id: t.arg.id({ required: true, description: ID_DESCRIPTION }) },
    resolve: (_root, { id }, { load }) => load.vm(idArg('Vm', 'id', id)),
  }),
  vms: t.field({
    type: VmConnection,
    description: 'VMs, oldest first, those that are gone too. Everything that is given must hold.',
    args: {
      status: t.arg({ type: VmStatus, description: 'Only VMs in this status.' }),
      pool: t.arg.string({ description: ONLY_POOL_DESCRIPTION }),
      vmType: t.arg.string({ description: VM_TYPE_DESCRIPTION }),
      hotSpare: t.arg.boolean({ description: 'True: only spares of a pool. False: only the others.' }),
      assignedTo: t.arg.string({ description: 'Only VMs that were assigned to exactly this.' }),
      live: t.arg.boolean({ description: LIVE_DESCRIPTION }),
      first: t.arg.int({ description: FIRST_DESCRIPTION }),
      after: t.arg.string({ description: AFTER_DESCRIPTION }),
    },
    complexity: pageComplexity,
    resolve: async (_root, { status, hotSpare, assignedTo, live, ...args }, { read }) => {
      const filter = {
        ...(await poolFilter(read, args)),
        ...(status != null && { status }),
        ...(hotSpare != null && { hotSpare }),
        ...(assignedTo != null && { assignedTo }),
        ...liveFilter(live),
      };
      return pageByCreation(args, ({ where, ...slice }) =>
        read((db) => db.vm.findMany({ where: { ...filter, ...where }, ...slice })),
      );
    },
  }),
}));

builder.subscriptionField('vmUpdated', (t) =>
  t.field({
    type: Vm,
    description: 'The VM as it is, then as it is after each change. Changes that come fast are told as one.',
    args: { id: t.arg.id({ required: true, description: ID_DESCRIPTION }) },
    subscribe: async (_root, args, context) => {
      const id = idArg('Vm', 'id', args.id);
      if ((await context.load.vm(id)) === undefined) throw notFound(new NotFound('VM', args.id));
      return changes(context, { vmId: id }, [id], (event) => event.vmId);
    },
    resolve: async (id, _args, { load }) => present(await load.vm(id)),
  }),
);

mutation(createVm, {
  payload: 'The VM was asked for.',
  fields: (t) => ({ vm: t.field({ type: Vm, description: 'The new VM, REQUESTED.', resolve: (vm) => vm }) }),
});

for (const [end, payload] of [
  [releaseVm, 'The VM was given back.'],
  [destroyVm, 'The VM is being destroyed.'],
] as const)
  mutation(end, {
    payload,
    fields: (t) => ({
      vm: t.expose('vm', { type: Vm, description: 'The VM, on its way out.' }),
      changed: t.exposeBoolean('changed', { description: 'False: it was on its way out, or gone, before this call.' }),
    }),
  });
