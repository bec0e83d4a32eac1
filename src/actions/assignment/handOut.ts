import type { Assignment } from '../../db/assignments.js';
import type { Read } from '../../db/reads.js';
import { getVm, type Vm } from '../../db/vms.js';
import { collect, isLastWait } from '../../db/waits.js';
import { Conflict, NoVmInTime } from '../../domain/errors.js';
import { cancelQueued } from '../../transitions/cancelQueued.js';
import type { ActionContext } from '../context.js';
import { patiently } from '../patiently.js';
import { releaseVm } from '../vm/releaseVm.js';
import { type Order, type Ordered, RETRY_SECONDS } from './orders.js';
import { waitForAssignment } from './waitForAssignment.js';

export type NotHandedOut = Exclude<Ordered, Assignment>;

/** A VM that is there to be used. */
export interface HandedOut {
  vm: Vm;
  assignment: Assignment;
}

/**
 * Gets the caller a VM, waiting at most `waitSeconds` for one; a request that waited in vain leaves the queue.
 *
 * Who waits is known in the request's row: each call renews it while it waits and says how long that will be. So a caller whose server
 * dies is missed by every other one, and of several calls with one idempotencyKey, at whatever server, each is told at its own time; the
 * request leaves the queue with the last.
 *
 * A caller who goes away while waiting takes the request along, and a VM that came too late for them is released: nobody knows of it. With an
 * idempotencyKey the caller can come back, so then request and VM are kept for a while (db/waits.ts).
 */
export async function handOut(
  context: ActionContext,
  order: Omit<Order, 'caller' | 'waitSeconds'>,
  waitSeconds: number,
): Promise<HandedOut | NotHandedOut> {
  const asked = await context.placeOrder({ ...order, waitSeconds, caller: context.gone }, context.by);
  if (asked instanceof Error) return asked;
  if (asked.status === 'ENDED') return orderIsOver(asked);
  try {
    return await attend(context, order, asked, waitSeconds);
  } catch (err) {
    // Its caller is told an error and knows of no VM.
    if (order.idempotencyKey === undefined) context.placeOrder.takeBack(asked.id);
    throw err;
  }
}

async function attend(
  context: ActionContext,
  order: Pick<Order, 'idempotencyKey' | 'pool'>,
  asked: Assignment,
  waitSeconds: number,
): Promise<HandedOut | NoVmInTime> {
  const { gone, waits, write } = context;
  const read: Read = (query) => patiently(() => context.read(query), gone);
  let assignment = asked;
  const began = performance.now();
  const leave = waits.enter(asked.id);
  try {
    assignment = await waitForAssignment(context, asked, waitSeconds * 1000);
  } finally {
    leave();
  }
  // A request may end before its time.
  const waited = Math.min(waitSeconds, Math.round((performance.now() - began) / 1000));
  const noVm = (why: string | null) => new NoVmInTime(assignment.vmType, waited, RETRY_SECONDS, why, order.pool);
  const canComeBack = order.idempotencyKey !== undefined;
  if (assignment.status === 'QUEUED') {
    if (gone.aborted && canComeBack) return noVm('the caller went away');
    const ended = await write(async (tx, tell) => {
      if (!gone.aborted && !(await isLastWait(tx, asked.id))) return undefined;
      return cancelQueued(tx, tell, asked.id, gone.aborted ? 'cancelled' : 'no VM in time');
    });
    if (ended) return noVm(await whyPoolIsEmpty(read, ended.poolId));
    // It was fulfilled in that very moment: then it is handed out.
    assignment = await read((db) => db.assignment.findUniqueOrThrow({ where: { id: asked.id } }));
    if (assignment.status === 'QUEUED') return noVm('another call with the same idempotency key still waits');
  }
  if (assignment.vmId === null) return noVm(assignment.reason);
  const { vmId } = assignment;
  if (assignment.waitUntil !== null && !gone.aborted) await write((tx) => collect(tx, asked.id));
  const vm = await read((db) => getVm(db, vmId));
  const isHeard = !gone.aborted || canComeBack;
  if (vm?.status === 'ASSIGNED' && isHeard) return { vm, assignment };
  // Nobody hears of it; or it broke, or somebody released it, between the two reads.
  await releaseVm(context, { id: vmId });
  if (!isHeard) return noVm('the caller went away');
  return noVm(`the VM that was assigned (${vmId}) is not usable any more${vm?.reason ? `: ${vm.reason}` : ''}`);
}

/** A key gets its one assignment; when that is over there is nothing to hand out. */
export function orderIsOver({ id, vmId, reason }: Assignment): Conflict {
  const what = vmId === null ? 'ended without a VM' : `had VM ${vmId}, which is gone`;
  return new Conflict(
    `the order with this idempotency key (assignment ${id}) ${what} (${reason})`,
    'Use a new key for a new order.',
  );
}

async function whyPoolIsEmpty(read: Read, poolId: string): Promise<string | null> {
  const pool = await read((db) => db.pool.findUnique({ where: { id: poolId }, select: { blocked: true } }));
  return pool?.blocked ?? null;
}
