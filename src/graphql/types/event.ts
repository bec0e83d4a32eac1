import { VM_TYPE_DESCRIPTION } from '../../actions/fields.js';
import { knownCursor } from '../../actions/knownCursor.js';
import { eventsAfter } from '../../db/events.js';
import { InvalidInput } from '../../domain/errors.js';
import type { Event as DomainEvent, EventKind as Kind } from '../../domain/events.js';
import { ID_DESCRIPTION, idArg, ONLY_POOL_DESCRIPTION, poolFilter } from '../args.js';
import { builder } from '../builder.js';
import { untilGone } from '../changes.js';
import { accepted, badUserInput } from '../errors.js';
import { FIRST_DESCRIPTION, pageComplexity, pageOf, pageSize } from '../page.js';
import { Assignment } from './assignment.js';
import { GoldenImage } from './goldenImage.js';
import { Pool } from './pool.js';
import { Principal, principalOf } from './principal.js';
import { Vm } from './vm.js';

const EventKind = builder.enumType('EventKind', {
  description: 'What happened.',
  values: {
    GOLDEN_IMAGE_REQUESTED: { description: 'A golden image was asked for.' },
    GOLDEN_IMAGE_INSTALLING: { description: 'Its installation began.' },
    GOLDEN_IMAGE_PROGRESS: { description: 'Its installation came further.' },
    GOLDEN_IMAGE_STUCK: { description: 'Its installation seems to stand still; `reason` says where.' },
    GOLDEN_IMAGE_SEALING: { description: 'Windows is installed; the image is shut down, checked and sealed.' },
    GOLDEN_IMAGE_READY: { description: 'VMs can be cloned from it.' },
    GOLDEN_IMAGE_DAMAGED: { description: 'No clone can be made of it any more; `reason` says why. It stays READY.' },
    GOLDEN_IMAGE_MENDED: { description: 'Clones can be made of it again.' },
    GOLDEN_IMAGE_PROMOTED: { description: 'New spares are cloned from it from now on.' },
    GOLDEN_IMAGE_RETIRED: { description: 'It was taken out of use.' },
    GOLDEN_IMAGE_DELETED: { description: 'It was deleted.' },
    GOLDEN_IMAGE_FAILED: { description: 'It failed; `reason` says why.' },
    GOLDEN_IMAGE_CLEANED: { description: 'Its container and, where it is not kept, its disk are gone.' },
    VM_REQUESTED: { description: 'A VM was asked for.' },
    VM_BOOTING: { description: 'Its container runs.' },
    VM_NOT_READY: {
      description:
        'Its engine makes it wait or has lost it, its guest answers, but is not accepted as ready yet, or an assigned VM is not to be used now; `reason` says why.',
    },
    VM_READY: { description: 'Windows is up, or an assigned VM that was not to be used is again.' },
    VM_ASSIGNED: { description: 'It was handed out.' },
    VM_RELEASING: { description: 'It was given back, or is destroyed for another `reason`.' },
    VM_DESTROYED: { description: 'It is gone.' },
    VM_FAILED: { description: 'It failed; `reason` says why.' },
    VM_CLEANED: { description: 'Container and disk of a failed VM are gone.' },
    ASSIGNMENT_QUEUED: { description: 'A request for a VM waits in the queue.' },
    ASSIGNMENT_ENDED: { description: 'A request was taken out of the queue, or its hold on the VM ended.' },
    COMMAND_QUEUED: { description: 'A command was asked for; `data.commandId` is its bare UUID.' },
    COMMAND_STARTED: { description: 'A command was handed to the guest.' },
    COMMAND_OUTPUT: { description: 'A command that runs wrote something.' },
    COMMAND_CANCELLING: { description: 'Somebody wants a command to end.' },
    COMMAND_ENDED: { description: 'A command is over.' },
    POOL_CHANGED: { description: 'What is wanted of a pool was changed, or it can grow again.' },
    POOL_BLOCKED: { description: 'A pool can’t grow; `reason` says why not.' },
    POOL_DELETED: { description: 'A pool was deleted; `data.pool` is the name that it had.' },
  } satisfies Record<Kind, { description: string }>,
});

const Event = builder.objectRef<DomainEvent>('Event').implement({
  description: 'Something that happened. Events are never changed or removed, and all have one order.',
  fields: (t) => ({
    cursor: t.expose('seq', {
      type: 'Cursor',
      description: 'Its place in the order of all events; go on after it with `after`.',
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When it happened.' }),
    kind: t.expose('kind', { type: EventKind, description: 'What happened.' }),
    actor: t.exposeString('actor', {
      description: 'Who caused it: `api` (a caller), `guest` (inside Windows) or `reconciler` (vapiorc itself).',
    }),
    principal: t.field({
      type: Principal,
      nullable: true,
      description: 'Who it was; null of what happened before that was kept.',
      resolve: principalOf,
    }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why, in words for people.' }),
    vmType: t.exposeString('vmType', { nullable: true, description: 'Windows version of what it happened to.' }),
    vmId: t.exposeString('vmId', { nullable: true, description: 'Bare UUID of the VM it happened to.' }),
    goldenImageId: t.exposeString('goldenImageId', { nullable: true, description: 'Bare UUID of the golden image.' }),
    assignmentId: t.exposeString('assignmentId', { nullable: true, description: 'Bare UUID of the assignment.' }),
    data: t.expose('data', { type: 'JSON', description: 'Small facts for programs, an object.' }),
    pool: t.field({
      type: Pool,
      nullable: true,
      description: 'The pool that it happened in, as it is now; null as well when it was deleted.',
      resolve: ({ poolId }, _args, { load }) => (poolId === null ? null : load.pool(poolId)),
    }),
    vm: t.field({
      type: Vm,
      nullable: true,
      description: 'The VM, as it is now: not as it was then.',
      resolve: ({ vmId }, _args, { load }) => (vmId === null ? null : load.vm(vmId)),
    }),
    goldenImage: t.field({
      type: GoldenImage,
      nullable: true,
      description: 'The golden image, as it is now.',
      resolve: ({ goldenImageId }, _args, { load }) =>
        goldenImageId === null ? null : load.goldenImage(goldenImageId),
    }),
    assignment: t.field({
      type: Assignment,
      nullable: true,
      description: 'The assignment, as it is now.',
      resolve: ({ assignmentId }, _args, { load }) => (assignmentId === null ? null : load.assignment(assignmentId)),
    }),
  }),
});

const EventConnection = builder.connectionObject({ type: Event, name: 'EventConnection' }, { name: 'EventEdge' });

builder.queryField('events', (t) =>
  t.field({
    type: EventConnection,
    description: 'What happened, oldest first.',
    args: {
      after: t.arg({
        type: 'Cursor',
        description: 'Only what came after it: the cursor of an event, or the `endCursor` of the page before.',
      }),
      first: t.arg.int({ description: FIRST_DESCRIPTION }),
      vmId: t.arg.id({ description: `Only what happened to this VM. ${ID_DESCRIPTION}` }),
      pool: t.arg.string({ description: ONLY_POOL_DESCRIPTION }),
    },
    complexity: pageComplexity,
    resolve: async (_root, args, context) => {
      const vmId = idArg('Vm', 'vmId', args.vmId);
      const size = pageSize(args.first);
      const after = args.after == null ? 0n : accepted(await knownCursor(context, args.after));
      const filter = { ...(await poolFilter(context.read, args)), ...(vmId !== undefined && { vmId }) };
      const rows = await context.read((db) => eventsAfter(db, after, size + 1, filter));
      return pageOf(rows, size, after === 0n, (event) => String(event.seq));
    },
  }),
);

builder.subscriptionField('vmEvents', (t) =>
  t.field({
    type: Event,
    description:
      'Everything that happens to VMs, golden images, assignments and pools. With `after` it begins with what was missed: no gap, no duplicate. Without, with what comes next.',
    args: {
      after: t.arg({
        type: 'Cursor',
        description: 'Cursor of the last event that the caller has seen; "0" for all there are.',
      }),
      vmId: t.arg.id({ description: `Only what happens to this VM. ${ID_DESCRIPTION}` }),
      pool: t.arg.string({ description: ONLY_POOL_DESCRIPTION }),
      vmType: t.arg.string({ description: VM_TYPE_DESCRIPTION }),
      kinds: t.arg({ type: [EventKind], description: 'Only these kinds; at least one.' }),
    },
    subscribe: async (_root, args, context) => {
      const vmId = idArg('Vm', 'vmId', args.vmId);
      const ofPool = await poolFilter(context.read, args);
      const kinds = args.kinds ?? undefined;
      if (kinds?.length === 0)
        throw badUserInput(new InvalidInput('kinds', '[]', 'Name at least one kind, or leave it out for all.'));
      const after = args.after == null ? context.feed.head : accepted(await knownCursor(context, args.after));
      const filter = { ...(vmId && { vmId }), ...ofPool, ...(kinds && { kinds }) };
      return untilGone(context.gone, (signal) => context.feed.subscribe(after, filter, signal, context.address));
    },
    resolve: (event) => event,
  }),
);
