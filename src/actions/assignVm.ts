import { randomUUID } from 'node:crypto';
import { type Assignment, claimOrQueue } from '../db/assignments.js';
import { databaseAway } from '../db/databaseAway.js';
import { isUniqueViolation } from '../db/uniqueViolation.js';
import { joinWait } from '../db/waits.js';
import type { Write, WriteAs } from '../db/write.js';
import { Conflict, type InvalidInput, NoGoldenImage, NoVmInTime, Unavailable } from '../domain/errors.js';
import { LIMITS } from '../domain/limits.js';
import { madeBy, type Principal, SERVER } from '../domain/principal.js';
import { Batcher } from '../primitives/batcher.js';
import { checked, textOf, vmTypeOf, wholeNumberOf } from './input.js';
import { TakeBack } from './takeBack.js';

export interface AssignOrder {
  vmType: string;
  /** Who or what the VM is for: a task, a job, a person. */
  assignedTo: string;
  /** The same key gets the same assignment again, however often it is asked. */
  idempotencyKey?: string | undefined;
  /** The VM is released by itself this long after it was handed out. */
  leaseSeconds?: number | undefined;
  /** The caller waits this long; left out: the request stays queued, whoever waits. */
  waitSeconds?: number | undefined;
  /** Aborts when the caller is gone: then nothing is ordered any more. */
  caller?: AbortSignal | undefined;
}

export type AssignResult = Assignment | InvalidInput | NoGoldenImage | NoVmInTime | Conflict | Unavailable;
export type AssignVm = (order: AssignOrder, by: Principal) => Promise<AssignResult>;

/** Most orders that share one transaction. */
const BATCH = 64;
/** What a caller who got nothing is told to wait before the next try. */
export const RETRY_SECONDS = 10;

/**
 * Hands the longest-ready spare to the caller, at once (FULFILLED), or queues the request (QUEUED), first in, first out.
 *
 * Orders that arrive while a transaction is under way share the next one: the lock that orders the event log is held until
 * a commit is on disk, so one transaction an order would allow one order a disk flush.
 *
 * While the database is away each caller is told so, and what may have been committed nevertheless is taken back (an order with an
 * idempotencyKey is kept: its caller asks again). `stopped`: nothing is taken back any more.
 */
export function createAssignVm({ writeAs, stopped }: { writeAs: WriteAs; stopped?: AbortSignal }): AssignVm {
  const write = writeAs(SERVER);
  const takeBack = new TakeBack({ write, stopped });
  const isAway = (err: unknown) => databaseAway(err) !== undefined;
  const batcher = new Batcher<Checked, AssignResult>({
    size: BATCH,
    run: (orders) =>
      assignAll(write, orders).catch((err: unknown) => {
        if (err instanceof Unavailable) return orders.map(() => err); // nothing was begun
        if (isAway(err)) takeBack.add(orders.flatMap(({ id, idempotencyKey }) => (idempotencyKey === null ? id : [])));
        throw err;
      }),
    overtaken: ({ caller, vmType }) =>
      caller?.aborted ? new NoVmInTime(vmType, 0, RETRY_SECONDS, 'the caller went away') : undefined,
    meetsAll: isAway,
  });
  return async (given, by) => {
    if (batcher.length + takeBack.length >= LIMITS.ordersWaiting.value)
      return new Unavailable('database', 'too many orders wait for the database', `Try again in ${RETRY_SECONDS} s.`);
    const order = checked(() => ({
      id: randomUUID(),
      by,
      caller: given.caller,
      vmType: vmTypeOf(given.vmType),
      assignedTo: textOf('assignedTo', given.assignedTo, 200),
      idempotencyKey: given.idempotencyKey === undefined ? null : textOf('idempotencyKey', given.idempotencyKey, 200),
      waitSeconds: given.waitSeconds ?? null,
      leaseSeconds:
        given.leaseSeconds === undefined ? null : wholeNumberOf('leaseSeconds', given.leaseSeconds, 1, 30 * 86_400),
    }));
    return order instanceof Error ? order : batcher.add(order);
  };
}

interface Checked {
  /** Of the assignment to be. */
  id: string;
  by: Principal;
  caller: AbortSignal | undefined;
  vmType: string;
  assignedTo: string;
  idempotencyKey: string | null;
  leaseSeconds: number | null;
  waitSeconds: number | null;
}

async function assignAll(write: Write, orders: readonly Checked[]): Promise<AssignResult[]> {
  try {
    return await assignInOneTransaction(write, orders);
  } catch (err) {
    // Another server used one of the keys at the same moment; now its row is there to be found.
    if (isUniqueViolation(err)) return assignInOneTransaction(write, orders);
    throw err;
  }
}

function assignInOneTransaction(write: Write, orders: readonly Checked[]): Promise<AssignResult[]> {
  return write(async (tx, tell) => {
    const keys = orders.flatMap((order) => order.idempotencyKey ?? []);
    const known = keys.length === 0 ? [] : await tx.assignment.findMany({ where: { idempotencyKey: { in: keys } } });
    // Orders with the same key are one order; so are those whose key has an assignment already.
    const answers = new Map<string, AssignResult>(
      known.map((assignment) => [assignment.idempotencyKey ?? '', assignment]),
    );
    const ids = orders.map((order) => order.idempotencyKey ?? order.id);
    const fresh = new Map<string, Checked>();
    for (const [n, order] of orders.entries()) {
      const id = ids[n] as string;
      if (!answers.has(id) && !fresh.has(id)) fresh.set(id, order);
    }

    const made = new Map<string, Assignment>();
    for (const vmType of new Set([...fresh.values()].map((order) => order.vmType))) {
      const group = [...fresh].filter(([, order]) => order.vmType === vmType);
      const requests = group.map(([, { caller: _caller, by, ...request }]) => ({ ...request, ...madeBy(by) }));
      for (const assignment of await claimOrQueue(tx, { name: vmType, vmType }, requests))
        made.set(assignment.id, assignment);
      for (const [n, [answerTo, { by }]] of group.entries()) {
        const assignment = made.get(requests[n]?.id ?? '');
        answers.set(answerTo, assignment ?? new NoGoldenImage(vmType));
        if (assignment === undefined) continue;
        const { id: assignmentId, poolId, vmId, assignedTo } = assignment;
        const what =
          vmId === null ? ({ kind: 'ASSIGNMENT_QUEUED' } as const) : ({ kind: 'VM_ASSIGNED', vmId } as const);
        tell({ ...what, vmType, poolId, assignmentId, data: { assignedTo } }, by);
      }
    }
    for (const [n, { id, waitSeconds }] of orders.entries()) {
      const answer = answers.get(ids[n] as string);
      if (answer && 'status' in answer && answer.status === 'QUEUED' && answer.id !== id)
        await joinWait(tx, answer.id, waitSeconds);
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
