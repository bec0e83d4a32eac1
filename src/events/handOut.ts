import type { AssignOrder, AssignResult, AssignVm } from '../commands/assignVm.js';
import { cancelAssignment } from '../commands/cancelAssignment.js';
import type { CommandDeps } from '../commands/deps.js';
import { releaseVm } from '../commands/releaseVm.js';
import type { Assignment } from '../db/assignments.js';
import { getVm, type Vm } from '../db/vms.js';
import { Conflict, NoVmInTime } from '../domain/errors.js';
import type { Feed } from './feed.js';
import { waitForAssignment } from './waitForAssignment.js';

/** What a caller who came away empty-handed is told to wait before the next try. */
const RETRY_SECONDS = 10;
/** Beyond the wait itself, before the queue forgets a caller whose server died. */
const GIVE_UP_MARGIN_SECONDS = 5;

export type NotHandedOut = Exclude<AssignResult, Assignment> | NoVmInTime;
export type HandOut = (
  order: AssignOrder,
  waitSeconds: number,
  caller: AbortSignal,
) => Promise<HandedOut | NotHandedOut>;

export interface HandOutDeps {
  deps: Pick<CommandDeps, 'db' | 'write'>;
  assignVm: AssignVm;
  feed: Feed;
}

/** A VM that is there to be used. */
export type HandedOut = Vm & { port: number; assignmentId: string };

/**
 * Gets the caller a VM, waiting at most `waitSeconds` for one; a request that waited in vain leaves the queue.
 *
 * A caller who goes away while waiting takes the request along, and a VM that came too late for them is released: nobody
 * knows of it. With an idempotencyKey the caller can come back, so then the VM is kept, and the request too while another
 * call with the same key waits.
 */
export function createHandOut({ deps, assignVm, feed }: HandOutDeps): HandOut {
  const waiting = new Waiting();

  return async (order, waitSeconds, caller) => {
    // Should this server die while it waits, the request is taken back all the same.
    const asked = await assignVm({ ...order, giveUpAfterSeconds: waitSeconds + GIVE_UP_MARGIN_SECONDS });
    if (asked instanceof Error) return asked;
    if (asked.status === 'ENDED') return orderIsOver(asked);

    waiting.enter(asked.id);
    let assignment: Assignment;
    try {
      assignment = await waitForAssignment({ db: deps.db, feed }, asked, waitSeconds * 1000, caller);
    } finally {
      waiting.leave(asked.id);
    }
    const noVm = (why: string | null) => new NoVmInTime(assignment.vmType, waitSeconds, RETRY_SECONDS, why);
    if (assignment.status === 'QUEUED') {
      if (waiting.has(asked.id)) return noVm('another call with the same idempotency key still waits');
      const ended = await cancelAssignment(deps, asked, caller.aborted ? 'cancelled' : 'no VM in time');
      // It was fulfilled in that very moment: then it is handed out.
      if (ended instanceof Conflict)
        assignment = await deps.db.assignment.findUniqueOrThrow({ where: { id: asked.id } });
      else if (ended instanceof Error) throw ended;
      else return noVm(await whyPoolIsEmpty(deps, ended.vmType));
    }
    if (assignment.vmId === null) return noVm(assignment.reason);
    if (caller.aborted && order.idempotencyKey === undefined) {
      await releaseVm(deps, { id: assignment.vmId }, 'released');
      return noVm('the caller went away');
    }
    const vm = await getVm(deps.db, assignment.vmId);
    if (vm?.status === 'ASSIGNED' && vm.port !== null) return { ...vm, port: vm.port, assignmentId: assignment.id };
    // It broke, or somebody released it, between the two reads.
    await releaseVm(deps, { id: assignment.vmId }, 'released');
    return noVm(
      `the VM that was assigned (${assignment.vmId}) is not usable any more${vm?.reason ? `: ${vm.reason}` : ''}`,
    );
  };
}

/** A key gets its one assignment; when that is over there is nothing to hand out. */
export function orderIsOver({ id, vmId, reason }: Assignment): Conflict {
  const what = vmId === null ? 'ended without a VM' : `had VM ${vmId}, which is gone`;
  return new Conflict(
    `the order with this idempotency key (assignment ${id}) ${what} (${reason})`,
    'Use a new key for a new order.',
  );
}

async function whyPoolIsEmpty({ db }: Pick<CommandDeps, 'db'>, vmType: string): Promise<string | null> {
  const pool = await db.pool.findUnique({ where: { vmType }, select: { blocked: true } });
  return pool?.blocked ?? null;
}

/** How many calls wait for the same assignment, in this server. */
class Waiting {
  readonly #calls = new Map<string, number>();

  has(id: string): boolean {
    return this.#calls.has(id);
  }

  enter(id: string): void {
    this.#calls.set(id, (this.#calls.get(id) ?? 0) + 1);
  }

  leave(id: string): void {
    const left = (this.#calls.get(id) ?? 0) - 1;
    if (left > 0) this.#calls.set(id, left);
    else this.#calls.delete(id);
  }
}
