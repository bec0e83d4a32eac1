import { z } from 'zod';
import { field } from '../../domain/prose.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { waitSeconds as aWait, described, idempotencyKey, line, poolFields, wholeNumber } from '../fields.js';
import { handOut, orderIsOver } from './handOut.js';
import { waitForAssignment } from './waitForAssignment.js';

/** What a VM is asked for with. */
export const ORDER = z.strictObject({
  assignedTo: line(200).describe('Who or what the VM is for: a task, a job, a person.'),
  ...poolFields,
  idempotencyKey: idempotencyKey(
    'The same key gets the same assignment again, however often it is asked: retries are safe.',
  ),
  leaseSeconds: wholeNumber(1, 30 * 86_400)
    .optional()
    .describe('The VM is released by itself this many seconds after it was handed out. Left out: when it is released.'),
});

/** `vm`: what was handed out to a caller who does not leave a late request in the queue. */
export const assignVm = defineAction({
  name: 'assignVm',
  description: 'Hands the longest-ready spare to the caller at once, or queues the request, first in, first out.',
  permission: 'vm:assign',
  input: ORDER.extend({
    waitSeconds: aWait('How long to wait for the answer while the request is queued'),
    cancelIfLate: z
      .boolean()
      .default(false)
      .meta(
        described`True: a request that is still queued after ${field('waitSeconds')}, or when the caller goes away, is taken back. False: it stays queued.`,
      ),
  }),
  about: 'Who needs which VM.',
  refusals: ['NOT_FOUND', 'NO_GOLDEN_IMAGE', 'CONFLICT', 'NO_VM_IN_TIME', 'UNAVAILABLE'],
  async run(context: ActionContext, { waitSeconds, cancelIfLate, ...order }) {
    const { by, gone } = context;
    if (cancelIfLate) {
      const handed = await handOut(context, order, waitSeconds);
      return handed instanceof Error ? handed : { vm: handed.vm, assignment: handed.assignment };
    }
    const placed = await context.placeOrder({ ...order, caller: gone }, by);
    if (placed instanceof Error) return placed;
    if (placed.status === 'ENDED') return orderIsOver(placed);
    return { assignment: await waitForAssignment(context, placed, waitSeconds * 1000) };
  },
});
