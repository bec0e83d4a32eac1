import { liveCommands } from '../db/commands.js';
import { getGuest } from '../db/guests.js';
import { getVm, type Vm } from '../db/vms.js';
import type { Write } from '../db/write.js';
import { guestTurn } from '../domain/guestTurn.js';
import { LIMITS } from '../domain/limits.js';
import { vmActions } from '../domain/vm.js';
import type { Feed } from '../events/feed.js';
import { deadline } from '../primitives/deadline.js';
import { KeyedLock } from '../primitives/keyedLock.js';
import { type DeliveryDeps, deliverCommand, type NoteDeps } from './deliverCommand.js';
import { giveUpCommand } from './giveUpCommand.js';
import type { GuestAnswer, GuestCall } from './guestCall.js';
import { type GuestPoll, parseGuestPoll } from './guestPoll.js';
import type { Heartbeats } from './heartbeats.js';
import type { HeldCalls } from './heldCalls.js';
import { noteOutput } from './noteOutput.js';
import { Recent } from './recent.js';

/** What may change the answer. */
const WAKING = ['COMMAND_QUEUED', 'COMMAND_CANCELLING', 'COMMAND_ENDED', 'VM_RELEASING', 'VM_FAILED'] as const;
/** How often a VM's output is looked after at most. */
const OUTPUT_EVERY_MS = 1_000;

export interface NextDeps extends NoteDeps {
  feed: Feed;
  held: HeldCalls;
  readiness: 'agent' | 'rdp' | 'either';
  heartbeats: Heartbeats;
}

/** `next`: what to do. The answer waits until there is something, or the guest's own limit is over. */
export function nextCall(deps: NextDeps): GuestCall {
  const { db, feed, held, readiness, heartbeats } = deps;
  /** How often the present start of each VM's agent has called, and when its output was last taken over. */
  const calls = new Recent<{ session: string; count: number }>();
  const outputAt = new Recent<number>();
  const lookedAt = new Recent<number>();
  /** When the guest was last told to start or end a command. */
  const told = new Recent<number>();
  /** However many calls a guest makes at once, one of them works with the database. */
  const turns = new KeyedLock();

  const takeOutput = async (delivery: DeliveryDeps, vm: Vm, { output }: GuestPoll) => {
    const now = db.clock.now().getTime();
    if (output.size === 0 || (outputAt.get(vm.id) ?? 0) + OUTPUT_EVERY_MS > now) return;
    outputAt.set(vm.id, now);
    await noteOutput(delivery, vm, output, lookedAt, now);
  };

  /** The answer as things stand; else how long it holds if nothing happens. */
  const decide = async (
    delivery: DeliveryDeps,
    vm: Vm,
    poll: GuestPoll,
  ): Promise<{ answer: GuestAnswer } | { againMs: number | undefined }> => {
    const { session, running } = poll;
    const caller = {
      session,
      running,
      calls: calls.get(vm.id)?.count ?? 1,
      toldAt: (id: string) => told.get(id),
    };
    for (;;) {
      const turn = guestTurn(await liveCommands(db, vm.id), caller, db.clock.now().getTime());
      if (turn.do === 'nothing') return { againMs: turn.againMs };
      if (turn.do === 'cancel') {
        told.set(`cancel ${turn.id}`, db.clock.now().getTime());
        return { answer: { do: 'cancel', id: turn.id } };
      }
      if (turn.do === 'give up') {
        await giveUpCommand(delivery, turn.id, session);
        continue;
      }
      const delivered = await deliverCommand(delivery, vm, session, turn.id, turn.again);
      if (delivered === undefined) {
        // Another start of the agent has called meanwhile, or the VM is over: this one is not asked to do anything.
        if ((await whyNot(vm.id, session)) !== undefined) return { answer: { do: 'ready' } };
        continue;
      }
      told.set(turn.id, db.clock.now().getTime());
      const { id, command, timeoutSeconds, workingDirectory } = delivered.command;
      const { script } = delivered;
      return { answer: { do: 'run', id, command, timeout: timeoutSeconds, directory: workingDirectory ?? '', script } };
    }
  };

  /** Why this session gets nothing to do. */
  const whyNot = async (vmId: string, session: string): Promise<'over' | { do: 'ready' } | undefined> => {
    const [vm, guest] = await Promise.all([getVm(db, vmId), getGuest(db, vmId)]);
    if (vm === null || vmActions(vm.status).length === 0) return 'over';
    const unheard = readiness !== 'rdp' && (vm.status === 'REQUESTED' || vm.status === 'BOOTING');
    return guest?.session !== session || unheard ? { do: 'ready' } : undefined;
  };

  const answerVm = async (write: Write, vm: Vm, poll: GuestPoll, over: AbortSignal): Promise<GuestAnswer> => {
    const refused = await whyNot(vm.id, poll.session);
    if (refused) return refused;
    heartbeats.seen(vm.id);
    const { session } = poll;
    const known = calls.get(vm.id);
    calls.set(vm.id, { session, count: known?.session === session ? known.count + 1 : 1 });
    const delivery = { ...deps, write };
    await takeOutput(delivery, vm, poll);
    for (let first = true; ; first = false) {
      const woken = first ? undefined : await whyNot(vm.id, poll.session);
      if (woken) return woken;
      // The cursor is taken before the rows are read, so what happens between the two is in the feed.
      const cursor = feed.head;
      // Nobody hears the answer, so nothing may be handed out with it.
      if (!first && over.aborted) return { do: 'none' };
      const decided = await turns.run(vm.id, () => decide(delivery, vm, poll));
      if ('answer' in decided) return decided.answer;
      if (over.aborted) return { do: 'none' };
      const again = deadline(decided.againMs ?? Number.POSITIVE_INFINITY, over);
      try {
        for await (const _ of feed.subscribe(cursor, { vmId: vm.id, kinds: WAKING }, again.signal, vm.id)) break;
      } finally {
        again.done();
      }
    }
  };

  return {
    maxBodyBytes: LIMITS.guestBodyBytes.value,
    holds: true,
    async answer({ vm, image, write }, body, gone) {
      const poll = parseGuestPoll(body);
      if ('malformed' in poll) return poll;
      return held.hold((vm ?? image).id, async (released) => {
        const over = deadline(Math.min(poll.waitSeconds * 1000, heartbeats.longestHoldMs), gone, released);
        try {
          if (vm) return await answerVm(write, vm, poll, over.signal);
          // Nothing is ever run in an installation.
          await aborted(over.signal);
          return { do: 'none' };
        } finally {
          over.done();
        }
      });
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
