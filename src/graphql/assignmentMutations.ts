import { cancelAssignment } from '../actions/cancelAssignment.js';
import { handOut, orderIsOver } from '../actions/handOut.js';
import { checked, wholeNumberOf } from '../actions/input.js';
import { waitForAssignment } from '../actions/waitForAssignment.js';
import type { Assignment as AssignmentRow } from '../db/assignments.js';
import type { InvalidInput as InvalidInputRefusal } from '../domain/errors.js';
import { LIMITS } from '../domain/limits.js';
import { PRICES } from '../domain/prices.js';
import { ID_DESCRIPTION, POOL_DESCRIPTION, POOL_VM_TYPE_DESCRIPTION } from './args.js';
import { Assignment } from './assignment.js';
import { builder } from './builder.js';
import {
  answer,
  Conflict,
  InvalidInput,
  NoGoldenImage,
  NotFound,
  NoVmInTime,
  onNode,
  resultType,
  Unavailable,
} from './refusals.js';

interface Payload {
  assignment: AssignmentRow;
}

const AssignVmPayload = builder.objectRef<Payload>('AssignVmPayload').implement({
  description: 'The request was taken.',
  fields: (t) => ({
    assignment: t.expose('assignment', {
      type: Assignment,
      description: 'FULFILLED, with its VM, or QUEUED: then see assignmentUpdated.',
    }),
  }),
});

const AssignVmResult = builder.unionType('AssignVmResult', {
  description: 'What assignVm answers.',
  types: [AssignVmPayload, InvalidInput, NotFound, NoGoldenImage, Conflict, NoVmInTime, Unavailable],
  resolveType: resultType('AssignVmPayload'),
});

const AssignVmInput = builder.inputType('AssignVmInput', {
  description: 'Who needs which VM.',
  fields: (t) => ({
    assignedTo: t.string({ required: true, description: 'Who or what the VM is for: a task, a job, a person.' }),
    pool: t.string({ description: POOL_DESCRIPTION }),
    vmType: t.string({ description: POOL_VM_TYPE_DESCRIPTION }),
    idempotencyKey: t.string({
      description: 'The same key gets the same assignment again, however often it is asked: retries are safe.',
    }),
    leaseSeconds: t.int({
      description:
        'The VM is released by itself this many seconds after it was handed out. Left out: when it is released.',
    }),
    waitSeconds: t.int({
      defaultValue: 0,
      required: true,
      description: `How long to wait for the answer while the request is queued, in seconds, up to ${LIMITS.waitSeconds.value}.`,
    }),
    cancelIfLate: t.boolean({
      defaultValue: false,
      required: true,
      description:
        'True: a request that is still queued after waitSeconds, or when the caller goes away, is taken back. False: it stays queued.',
    }),
  }),
});

builder.mutationField('assignVm', (t) =>
  t.field({
    type: AssignVmResult,
    description: 'Hands the longest-ready spare to the caller at once, or queues the request, first in, first out.',
    complexity: PRICES.change.points,
    args: { input: t.arg({ type: AssignVmInput, required: true, description: 'Who needs which VM.' }) },
    resolve: async (_root, { input }, context) => {
      const { assignedTo, waitSeconds, cancelIfLate } = input;
      const order = async () => {
        const seconds: number | InvalidInputRefusal = checked(() =>
          wholeNumberOf('waitSeconds', waitSeconds, 0, LIMITS.waitSeconds.value),
        );
        if (typeof seconds !== 'number') return seconds;
        const wanted = {
          assignedTo,
          pool: input.pool ?? undefined,
          vmType: input.vmType ?? undefined,
          idempotencyKey: input.idempotencyKey ?? undefined,
          leaseSeconds: input.leaseSeconds ?? undefined,
        };
        if (cancelIfLate) {
          const vm = await handOut(context, wanted, seconds);
          if (vm instanceof Error) return vm;
          return context.db.assignment.findUniqueOrThrow({ where: { id: vm.assignmentId } });
        }
        const assigned = await context.assignVm({ ...wanted, caller: context.gone }, context.by);
        if (assigned instanceof Error) return assigned;
        if (assigned.status === 'ENDED') return orderIsOver(assigned);
        return waitForAssignment(context, assigned, seconds * 1000);
      };
      return answer(await order(), (assignment) => ({ assignment }));
    },
  }),
);

const CancelAssignmentPayload = builder.objectRef<Payload>('CancelAssignmentPayload').implement({
  description: 'The request is out of the queue.',
  fields: (t) => ({ assignment: t.expose('assignment', { type: Assignment, description: 'The assignment, ENDED.' }) }),
});

const CancelAssignmentResult = builder.unionType('CancelAssignmentResult', {
  description: 'What cancelAssignment answers.',
  types: [CancelAssignmentPayload, InvalidInput, NotFound, Conflict],
  resolveType: resultType('CancelAssignmentPayload'),
});

const CancelAssignmentInput = builder.inputType('CancelAssignmentInput', {
  description: 'Which assignment.',
  fields: (t) => ({ id: t.id({ required: true, description: ID_DESCRIPTION }) }),
});

builder.mutationField('cancelAssignment', (t) =>
  t.field({
    type: CancelAssignmentResult,
    description:
      'Takes a request out of the queue. One that has its VM is refused: release the VM. Asking twice changes nothing.',
    complexity: PRICES.change.points,
    args: { input: t.arg({ type: CancelAssignmentInput, required: true, description: 'Which assignment.' }) },
    resolve: async (_root, { input }, context) =>
      answer(await onNode('Assignment', input.id, (id) => cancelAssignment(context, { id })), (assignment) => ({
        assignment,
      })),
  }),
);
