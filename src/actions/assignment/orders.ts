import { randomUUID } from 'node:crypto';
import { type Assignment, claimOrQueue } from '../../db/assignments.js';
import type { Tx } from '../../db/client.js';
import { databaseAway } from '../../db/databaseAway.js';
import { poolNames } from '../../db/pools.js';
import { isUniqueViolation } from '../../db/uniqueViolation.js';
import { joinWait } from '../../db/waits.js';
import type { Write, WriteAs } from '../../db/write.js';
import {
  Conflict,
  type InvalidInput,
  type NoGoldenImage,
  type NotFound,
  NoVmInTime,
  Unavailable,
} from '../../domain/errors.js';
import { LIMITS } from '../../domain/limits.js';
import { madeBy, type Principal, SERVER } from '../../domain/principal.js';
import { Batcher } from '../../primitives/batcher.js';
import { noImageOf, type PoolGiven, type PoolRef, poolNamed, poolOf } from '../pool/poolNamed.js';
import { TakeBack } from './takeBack.js';

/** A request for a VM, checked. */
export interface Order extends PoolGiven {
  assignedTo: string;
  idempotencyKey?: string | undefined;
  leaseSeconds?: number | undefined;
  /** The caller waits this long; left out: the request stays queued, whoever waits. */
  waitSeconds?: number | undefined;
  /** Aborts when the caller is gone: then nothing is ordered any more. */
  caller?: AbortSignal | undefined;
}

export type Ordered = Assignment | InvalidInput | NotFound | NoGoldenImage | NoVmInTime | Conflict | Unavailable;
export interface PlaceOrder {
  (order: Order, by: Principal): Promise<Ordered>;
  /** Undoes this assignment, as soon as the database lets it: its caller was told an error. */
  takeBack(assignmentId: string): void;
}

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
export function createOrders({ writeAs, stopped }: { writeAs: WriteAs; stopped?: AbortSignal }): PlaceOrder {
  const write = writeAs(SERVER);
  const takeBack = new TakeBack({ write, stopped });
  const isAway = (err: unknown) => databaseAway(err) !== undefined;
  const batcher = new Batcher<Placed, Ordered>({
    size: BATCH,
    run: (orders) =>
      assignAll(write, orders).catch((err: unknown) => {
        if (err instanceof Unavailable) return orders.map(() => err); // nothing was begun
        if (isAway(err)) takeBack.add(orders.flatMap(({ id, idempotencyKey }) => (idempotencyKey === null ? id : [])));
        throw err;
      }),
    overtaken: ({ caller, pool: { name, vmType } }) =>
      caller?.aborted ? new NoVmInTime(vmType ?? name, 0, RETRY_SECONDS, 'the caller went away') : undefined,
    meetsAll: isAway,
  });
  const place = async (given: Order, by: Principal) => {
    if (batcher.length + takeBack.length >= LIMITS.ordersWaiting.value)
      return new Unavailable('database', 'too many orders wait for the database', `Try again in ${RETRY_SECONDS} s.`);
    const { idempotencyKey = null, leaseSeconds = null, waitSeconds = null, caller, assignedTo } = given;
    const pool = poolOf(given);
    return batcher.add({ id: randomUUID(), by, caller, pool, assignedTo, idempotencyKey, leaseSeconds, waitSeconds });
  };
  return Object.assign(place, { takeBack: (id: string) => takeBack.add([id]) });
}

interface Placed {
  /** Of the assignment to be. */
  id: string;
  by: Principal;
  caller: AbortSignal | undefined;
  pool: PoolRef;
  assignedTo: string;
  idempotencyKey: string | null;
  leaseSeconds: number | null;
  waitSeconds: number | null;
}

async function assignAll(write: Write, orders: readonly Placed[]): Promise<Ordered[]> {
  try {
    return await assignInOneTransaction(write, orders);
  } catch (err) {
    // Another server used one of the keys at the same moment; now its row is there to be found.
    if (isUniqueViolation(err)) return assignInOneTransaction(write, orders);
    throw err;
  }
}

function assignInOneTransaction(write: Write, orders: readonly Placed[]): Promise<Ordered[]> {
  return write(async (tx, tell) => {
    const keys = orders.flatMap((order) => order.idempotencyKey ?? []);
    const known = keys.length === 0 ? [] : await tx.assignment.findMany({ where: { idempotencyKey: { in: keys } } });
    // Orders with the same key are one order; so are those whose key has an assignment already.
    const answers = new Map<string, Ordered>(known.map((assignment) => [assignment.idempotencyKey ?? '', assignment]));
    const ids = orders.map((order) => order.idempotencyKey ?? order.id);
    const fresh = new Map<string, Placed>();
    for (const [n, order] of orders.entries()) {
      const id = ids[n] as string;
      if (!answers.has(id) && !fresh.has(id)) fresh.set(id, order);
    }

    const made = new Map<string, Assignment>();
    const poolsOfKnown = known.map(({ poolId }) => poolId);
    const names = known.length === 0 ? new Map<string, string>() : await poolNames(tx, poolsOfKnown);
    // By name alone: however a pool was named, it has one queue.
    for (const name of new Set([...fresh.values()].map(({ pool }) => pool.name))) {
      const group = [...fresh].filter(([, { pool }]) => pool.name === name);
      const requests = group.map(([, { caller: _caller, pool, by, ...request }]) => ({
        ...request,
        vmType: pool.vmType,
        ...madeBy(by),
      }));
      for (const assignment of await claimOrQueue(tx, name, requests)) made.set(assignment.id, assignment);
      for (const [answerTo, { id, pool, by }] of group) {
        const assignment = made.get(id) ?? (await whyNone(tx, pool));
        answers.set(answerTo, assignment);
        if (assignment instanceof Error) continue;
        const { id: assignmentId, poolId, vmType, vmId, assignedTo } = assignment;
        names.set(poolId, name);
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
      return answer instanceof Error || made.has(answer.id) ? answer : sameOrder(order, answer, names);
    });
  });
}

/** Why an order got nothing. */
async function whyNone(tx: Tx, ref: PoolRef): Promise<NotFound | InvalidInput | NoGoldenImage> {
  const pool = await poolNamed(tx, ref);
  return pool instanceof Error ? pool : noImageOf(pool);
}

/** `names`: of pools by their ids; one that was deleted has none any more. */
function sameOrder(order: Placed, assignment: Assignment, names: ReadonlyMap<string, string>): Assignment | Conflict {
  const { name, vmType } = order.pool;
  const same =
    (names.get(assignment.poolId) ?? name) === name &&
    assignment.vmType === (vmType ?? assignment.vmType) &&
    assignment.assignedTo === order.assignedTo &&
    assignment.leaseSeconds === order.leaseSeconds;
  if (same) return assignment;
  return new Conflict(
    `the idempotency key ${JSON.stringify(order.idempotencyKey)} was used for another order (assignment ${assignment.id})`,
    'Use a new key for a new order, or repeat the old order unchanged.',
  );
}
