import { randomUUID } from 'node:crypto';
import { type Assignment, claimOrQueue } from '../db/assignments.js';
import { isUniqueViolation } from '../db/uniqueViolation.js';
import { Conflict, type InvalidInput, NoGoldenImage } from '../domain/errors.js';
import { Batcher } from './batcher.js';
import type { CommandDeps } from './deps.js';
import { checked, textOf, vmTypeOf, wholeNumberOf } from './input.js';

export interface AssignOrder {
  vmType: string;
  /** Who or what the VM is for: a task, a job, a person. */
  assignedTo: string;
  /** The same key gets the same assignment again, however often it is asked. */
  idempotencyKey?: string | undefined;
  /** The VM is released by itself this long after it was handed out. */
  leaseSeconds?: number | undefined;
  /** A request that is still queued after this long is taken back, even if nobody is left to do it. */
  giveUpAfterSeconds?: number | undefined;
}

export type AssignResult = Assignment | InvalidInput | NoGoldenImage | Conflict;
export type AssignVm = (order: AssignOrder) => Promise<AssignResult>;

/** Most orders that share one transaction. */
const BATCH = 64;

/**
 * Hands the longest-ready spare to the caller, at once (FULFILLED), or queues the request (QUEUED), first in, first out.
 *
 * Orders that arrive while a transaction is under way share the next one: the lock that orders the event log is held until
 * a commit is on disk, so one transaction an order would allow one order a disk flush.
 */
export function createAssignVm({ write }: Pick<CommandDeps, 'write'>): AssignVm {
  const batcher = new Batcher<Checked, AssignResult>(BATCH, (orders) => assignAll(write, orders));
  return async (given) => {
    const order = checked(() => ({
      vmType: vmTypeOf(given.vmType),
      assignedTo: textOf('assignedTo', given.assignedTo, 200),
      idempotencyKey: given.idempotencyKey === undefined ? null : textOf('idempotencyKey', given.idempotencyKey, 200),
      giveUpAfterSeconds: given.giveUpAfterSeconds ?? null,
      leaseSeconds:
        given.leaseSeconds === undefined ? null : wholeNumberOf('leaseSeconds', given.leaseSeconds, 1, 30 * 86_400),
    }));
    return order instanceof Error ? order : batcher.add(order);
  };
}

interface Checked {
  vmType: string;
  assignedTo: string;
  idempotencyKey: string | null;
  leaseSeconds: number | null;
  giveUpAfterSeconds: number | null;
}

async function assignAll(write: CommandDeps['write'], orders: readonly Checked[]): Promise<AssignResult[]> {
  try {
    return await assignInOneTransaction(write, orders);
  } catch (err) {
    // Another server used one of the keys at the same moment; now its row is there to be found.
    if (isUniqueViolation(err)) return assignInOneTransaction(write, orders);
    throw err;
  }
}

function assignInOneTransaction(write: CommandDeps['write'], orders: readonly Checked[]): Promise<AssignResult[]> {
  return write(async (tx, tell) => {
    const keys = orders.flatMap((order) => order.idempotencyKey ?? []);
    const known = keys.length === 0 ? [] : await tx.assignment.findMany({ where: { idempotencyKey: { in: keys } } });
    // Orders with the same key are one order; so are those whose key has an assignment already.
    const answers = new Map<string, AssignResult>(
      known.map((assignment) => [assignment.idempotencyKey ?? '', assignment]),
    );
    const ids = orders.map((order) => order.idempotencyKey ?? randomUUID());
    const fresh = new Map<string, Checked>();
    for (const [n, order] of orders.entries()) {
      const id = ids[n] as string;
      if (!answers.has(id) && !fresh.has(id)) fresh.set(id, order);
    }

    const made = new Map<string, Assignment>();
    for (const vmType of new Set([...fresh.values()].map((order) => order.vmType))) {
      const group = [...fresh].filter(([, order]) => order.vmType === vmType);
      const requests = group.map(([, order]) => ({ ...order, id: randomUUID() }));
      for (const assignment of await claimOrQueue(tx, vmType, requests)) made.set(assignment.id, assignment);
      for (const [n, [answerTo]] of group.entries()) {
        const assignment = made.get(requests[n]?.id ?? '');
        answers.set(answerTo, assignment ?? new NoGoldenImage(vmType));
        if (assignment === undefined) continue;
        const { id: assignmentId, vmId, assignedTo } = assignment;
        const what =
          vmId === null ? ({ kind: 'ASSIGNMENT_QUEUED' } as const) : ({ kind: 'VM_ASSIGNED', vmId } as const);
        tell({ ...what, actor: 'api', vmType, assignmentId, data: { assignedTo } });
      }
    }
    return orders.map((order, n) => {
      const answer = answers.get(ids[n] as string);
      if (answer === undefined) throw new Error('an order got no answer');
      // An assignment that this very order made is its own, whatever became of its text on the way.
      return answer instanceof Error || made.has(answer.id) ? answer : sameOrder(order, answer);
    });
  });
}

function sameOrder(order: Checked, assignment: Assignment): Assignment | Conflict {
  const same =
    assignment.vmType === order.vmType &&
    assignment.assignedTo === order.assignedTo &&
    assignment.leaseSeconds === order.leaseSeconds;
  if (same) return assignment;
  return new Conflict(
    `the idempotency key ${JSON.stringify(order.idempotencyKey)} was used for another order (assignment ${assignment.id})`,
    'Use a new key for a new order, or repeat the old order unchanged.',
  );
}
