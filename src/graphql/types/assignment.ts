import { assignVm } from '../../actions/assignment/assignVm.js';
import { cancelAssignment } from '../../actions/assignment/cancelAssignment.js';
import { VM_TYPE_DESCRIPTION } from '../../actions/fields.js';
import type { Assignment as AssignmentRow } from '../../db/assignments.js';
import { NotFound } from '../../domain/errors.js';
import { ID_DESCRIPTION, idArg, ONLY_POOL_DESCRIPTION, poolFilter } from '../args.js';
import { builder } from '../builder.js';
import { changes, present } from '../changes.js';
import { notFound } from '../errors.js';
import { AFTER_DESCRIPTION, FIRST_DESCRIPTION, pageByTurn, pageComplexity } from '../page.js';
import { mutation } from '../verbs.js';
import { CREATED_BY, Principal, principalOf } from './principal.js';

const AssignmentStatus = builder.enumType('AssignmentStatus', {
  description: 'Where a request for a VM stands.',
  values: {
    QUEUED: { description: 'Waits for a VM, first in, first out.' },
    FULFILLED: { description: 'Has its VM.' },
    ENDED: { description: 'Over; `reason` says why.' },
  },
});

export const Assignment = builder.node(builder.objectRef<AssignmentRow>('Assignment'), {
  description: 'A request for a VM, and its hold on the VM it got.',
  id: { resolve: ({ id }) => id },
  loadMany: (ids, { load }) => ids.map((id) => load.assignment(id)),
  fields: (t) => ({
    assignmentId: t.exposeString('id', { description: 'The bare UUID.' }),
    status: t.expose('status', { type: AssignmentStatus, description: 'Where it stands.' }),
    vmType: t.exposeString('vmType', { description: 'Windows version that was asked for.' }),
    assignedTo: t.exposeString('assignedTo', { description: 'Who or what the VM is for.' }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why it ended.' }),
    position: t.int({
      nullable: true,
      description: 'Place in the queue of its pool, from 1, while it is QUEUED.',
      resolve: ({ id, status }, _args, { load }) => (status === 'QUEUED' ? load.queuePosition(id) : null),
    }),
    leaseSeconds: t.exposeInt('leaseSeconds', {
      nullable: true,
      description: 'How long the VM may be held, in seconds; null: until it is released.',
    }),
    leaseExpiresAt: t.expose('leaseExpiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the VM is released by itself.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked for.' }),
    createdBy: t.field({
      type: Principal,
      nullable: true,
      description: CREATED_BY,
      resolve: principalOf,
    }),
    fulfilledAt: t.expose('fulfilledAt', { type: 'DateTime', nullable: true, description: 'When it got its VM.' }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true, description: 'When it ended.' }),
  }),
});

const AssignmentConnection = builder.connectionObject(
  { type: Assignment, name: 'AssignmentConnection' },
  { name: 'AssignmentEdge' },
);

builder.queryFields((t) => ({
  assignment: t.field({
    type: Assignment,
    nullable: true,
    description: 'One assignment, or null when there is none with this id.',
    args: { id: t.arg.id({ required: true, description: ID_DESCRIPTION }) },
    resolve: (_root, { id }, { load }) => load.assignment(idArg('Assignment', 'id', id)),
  }),
  assignments: t.field({
    type: AssignmentConnection,
    description: 'Assignments, first asked first, those that are over too. Everything that is given must hold.',
    args: {
      status: t.arg({
        type: AssignmentStatus,
        description: 'Only assignments in this status; QUEUED with a pool is its queue in its order.',
      }),
      pool: t.arg.string({ description: ONLY_POOL_DESCRIPTION }),
      vmType: t.arg.string({ description: VM_TYPE_DESCRIPTION }),
      assignedTo: t.arg.string({ description: 'Only assignments for exactly this.' }),
      first: t.arg.int({ description: FIRST_DESCRIPTION }),
      after: t.arg.string({ description: AFTER_DESCRIPTION }),
    },
    complexity: pageComplexity,
    resolve: async (_root, { status, assignedTo, ...args }, { read }) => {
      const filter = {
        ...(await poolFilter(read, args)),
        ...(status != null && { status }),
        ...(assignedTo != null && { assignedTo }),
      };
      return pageByTurn(args, ({ where, ...slice }) =>
        read((db) => db.assignment.findMany({ where: { ...filter, ...where }, ...slice })),
      );
    },
  }),
}));

builder.subscriptionField('assignmentUpdated', (t) =>
  t.field({
    type: Assignment,
    description:
      'The assignment as it is, then as it is after each change: the way to wait for a VM without asking again.',
    args: { id: t.arg.id({ required: true, description: ID_DESCRIPTION }) },
    subscribe: async (_root, args, context) => {
      const id = idArg('Assignment', 'id', args.id);
      if ((await context.load.assignment(id)) === undefined) throw notFound(new NotFound('assignment', args.id));
      return changes(context, { assignmentId: id }, [id], (event) => event.assignmentId);
    },
    resolve: async (id, _args, { load }) => present(await load.assignment(id)),
  }),
);

mutation(assignVm, {
  payload: 'The request was taken.',
  fields: (t) => ({
    assignment: t.expose('assignment', {
      type: Assignment,
      description: 'FULFILLED, with its VM, or QUEUED: then see assignmentUpdated.',
    }),
  }),
});

mutation(cancelAssignment, {
  payload: 'The request is out of the queue.',
  fields: (t) => ({
    assignment: t.field({
      type: Assignment,
      description: 'The assignment, ENDED.',
      resolve: (assignment) => assignment,
    }),
  }),
});
