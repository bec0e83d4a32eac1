import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from '../db/commands.js';
import type { Unavailable } from '../domain/errors.js';
import { LIMITS } from '../domain/limits.js';
import type { QemuAgent } from '../domain/qemuAgent.js';
import type { Deps } from './deps.js';
import { claimForQemuAgent, noteEnd, runByQemuAgent } from './runByQemuAgent.js';

/** How soon a new command, or one that was cancelled, is seen while others run in the same VM. */
const LOOK_MS = 500;
/** An agent that did not answer is asked again after this long. */
const REST_MS = 5_000;
/** VMs that are connected at the same time: an answer may hold up to 48 MiB. */
const PARALLEL_VMS = 8;

type Running = Pick<Deps, 'db' | 'write' | 'provisioner' | 'log'>;

/** Runs the commands that were asked for with the transport QEMU_GUEST_AGENT: one connection for each VM that has some. */
export class QemuAgentCommands {
  readonly #deps: Running;
  readonly #working = new Map<string, Promise<void>>();
  /** VM → when to ask again. */
  readonly #resting = new Map<string, number>();
  readonly #agents = new Set<QemuAgent>();
  #first = true;
  readonly #stopped = new AbortController();

  constructor(deps: Running) {
    this.#deps = deps;
  }

  /** Begins to work where commands wait. Returns at once; what it began goes on. */
  async pass(): Promise<void> {
    if (this.#first) await this.#giveUpOrphans();
    this.#first = false;
    const now = performance.now();
    for (const [vmId, untilMs] of this.#resting) if (untilMs <= now) this.#resting.delete(vmId);
    const waiting = await this.#deps.db.command.findMany({
      where: {
        transport: 'QEMU_GUEST_AGENT',
        status: 'QUEUED',
        vmId: { notIn: [...this.#working.keys(), ...this.#resting.keys()] },
      },
      distinct: ['vmId'],
      select: { vmId: true },
      take: PARALLEL_VMS,
    });
    for (const { vmId } of waiting) {
      if (this.#stopped.signal.aborted || this.#working.size >= PARALLEL_VMS) return;
      const work = this.#workIn(vmId)
        .catch((err: unknown) => {
          this.#resting.set(vmId, performance.now() + REST_MS);
          this.#deps.log.warn({ err, vmId }, 'commands by the QEMU guest agent failed; tried again');
        })
        .finally(() => this.#working.delete(vmId));
      this.#working.set(vmId, work);
    }
  }

  /** Hangs up. What ran is given up by whoever leads next. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const agent of this.#agents) agent.close();
    await Promise.all(this.#working.values());
  }

  /** They ran in a server that is no more: what became of them nobody heard. */
  async #giveUpOrphans(): Promise<void> {
    const { db } = this.#deps;
    const orphans = await db.command.findMany({ where: { transport: 'QEMU_GUEST_AGENT', status: 'RUNNING' } });
    for (const command of orphans)
      await noteEnd(this.#deps, command, { event: 'BROKE', reason: 'the server was restarted while it ran' });
  }

  /** Runs what waits in a VM, several at a time, until nothing does. */
  async #workIn(vmId: string): Promise<void> {
    const agent = await this.#open(vmId);
    if (agent === undefined) return;
    if (agent instanceof Error) {
      this.#resting.set(vmId, performance.now() + REST_MS);
      return this.#deps.log.debug({ vmId, why: agent.message }, 'no QEMU guest agent');
    }
    this.#agents.add(agent);
    const running = new Map<string, { cancel: AbortController; done: Promise<void> }>();
    try {
      for (;;) {
        while (running.size < LIMITS.commandsAtOnce.value && !this.#stopped.signal.aborted) {
          const command = await claimForQemuAgent(this.#deps, vmId);
          if (command === undefined) break;
          const cancel = new AbortController();
          const done = this.#run(agent, command, cancel.signal).finally(() => running.delete(command.id));
          running.set(command.id, { cancel, done });
        }
        if (running.size === 0) return;
        const looked = new AbortController();
        const wait = sleep(LOOK_MS, undefined, { signal: looked.signal }).catch(() => {});
        await Promise.race([wait, ...[...running.values()].map(({ done }) => done)]);
        looked.abort();
        for (const id of await this.#cancelledOf([...running.keys()])) running.get(id)?.cancel.abort();
      }
    } finally {
      agent.close();
      this.#agents.delete(agent);
      await Promise.all([...running.values()].map(({ done }) => done));
    }
  }

  /** Undefined: it was stopped meanwhile. Nobody waits for a channel then, and one that opens all the same is closed at once. */
  #open(vmId: string): Promise<QemuAgent | Unavailable | undefined> {
    const { signal } = this.#stopped;
    return new Promise((resolve, reject) => {
      const stop = () => resolve(undefined);
      signal.addEventListener('abort', stop, { once: true });
      this.#deps.provisioner
        .qemuAgent(vmId)
        .finally(() => signal.removeEventListener('abort', stop))
        .then((agent) => {
          if (signal.aborted && !(agent instanceof Error)) agent.close();
          else resolve(agent);
        })
        .catch(reject);
    });
  }

  async #run(agent: QemuAgent, command: Command, cancelled: AbortSignal): Promise<void> {
    try {
      await runByQemuAgent(this.#deps, agent, command, cancelled);
    } catch (err) {
      const why = err instanceof Error ? err.message : String(err);
      if (this.#stopped.signal.aborted) return;
      const reason = `the QEMU guest agent failed: ${why}`;
      await noteEnd(this.#deps, command, { event: 'BROKE', reason }).catch((fault: unknown) =>
        this.#deps.log.warn({ err: fault, commandId: command.id }, 'the end of a command could not be noted'),
      );
    }
  }

  async #cancelledOf(ids: string[]): Promise<string[]> {
    const rows = await this.#deps.db.command.findMany({
      where: { id: { in: ids }, OR: [{ cancelRequestedAt: { not: null } }, { status: { not: 'RUNNING' } }] },
      select: { id: true },
    });
    return rows.map(({ id }) => id);
  }
}
