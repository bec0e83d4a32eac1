import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { keyValueLines, readKeyValueLines } from '../../primitives/keyValueLines.js';
import { SimulatedCommand } from './simulatedCommand.js';
import type { SimulatedWindows } from './simulatedWindows.js';

/** Brings a guest's call (oem/PROTOCOL.md) to the server. */
export type CallServer = (
  call: 'ready' | 'next' | 'result',
  token: string,
  body: string,
) => Promise<{ status: number; text: string }>;

const RETRY_MS = 1_000;
const OUTPUT_EVERY_MS = 1_000;
/** The call is wrong, or the machine is over: there is no use in asking again. */
const FINAL = [400, 401, 404, 410, 413];

/**
 * What runs in a simulated machine: it speaks the guest protocol as the agent in Windows does, but it does not poll. It is woken when
 * something may wait for it, so that thousands of them cost nothing while nothing happens.
 */
export class SimulatedGuest {
  readonly #stopped = new AbortController();
  readonly #commands = new Map<string, SimulatedCommand>();
  readonly #running = new Set<Promise<void>>();
  #session = newSession();
  #clockAheadMs = 0;
  #woken = false;
  #reported: Promise<void> = Promise.resolve();
  #polling: Promise<void> | undefined;
  #outputTimer: NodeJS.Timeout | undefined;

  constructor(
    readonly machine: { token: string; windows: SimulatedWindows },
    readonly call: CallServer,
  ) {}

  /** Windows has started, or its installation is done. Resolves when the server has heard it. */
  report(phase: 'ready' | 'installed'): Promise<void> {
    this.#reported = this.#report(phase);
    return this.#reported;
  }

  /** Something may wait for it. */
  wake(): void {
    this.#woken = true;
    this.#polling ??= this.#poll().finally(() => {
      this.#polling = undefined;
      // Whoever woke it after its last look and before this.
      if (this.#woken && !this.#stopped.signal.aborted) this.wake();
    });
  }

  command(id: string): SimulatedCommand | undefined {
    return this.#commands.get(id);
  }

  /** The machine has stopped: what runs ends, and nobody is told. Resolves when no call is under way. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#outputTimer);
    for (const command of this.#commands.values()) command.end('stopped');
    await Promise.all([this.#reported, this.#polling, ...this.#running]);
  }

  async #report(phase: 'ready' | 'installed'): Promise<void> {
    for (;;) {
      const { windows, build, computer, user } = this.machine.windows;
      const clock = new Date(Date.now() + this.#clockAheadMs).toISOString();
      const facts = { agent: 'simulated', windows, build, computer, user, ip: '172.30.0.2', codepage: 437, clock };
      const told = await this.#say('ready', { phase, session: this.#session, ...facts });
      if (told.do === 'sync') this.#clockAheadMs = Number(told.time) - Date.now();
      else if (told.do === 'rename') {
        this.machine.windows.computer = told.name ?? computer;
        this.#session = newSession();
      } else return;
    }
  }

  async #poll(): Promise<void> {
    await this.#reported;
    while (this.#woken && !this.#stopped.signal.aborted) {
      this.#woken = false;
      const told = await this.#say('next', this.#state());
      if (told.do === 'run') this.#start(told.id as string, told);
      if (told.do === 'cancel') await this.#cancel(told.id as string);
      // Another agent speaks for this machine now: this one is silent from here on.
      if (told.do === 'ready') this.#stopped.abort();
      this.#woken ||= told.do === 'run' || told.do === 'cancel';
    }
  }

  #state(): Record<string, string> {
    const sizes = [...this.#commands].map(([id, command]) => [
      `output.${id}`,
      `${command.size('stdout')},${command.size('stderr')}`,
    ]);
    return { wait: '0', running: [...this.#commands.keys()].join(','), ...Object.fromEntries(sizes) };
  }

  #start(id: string, told: Record<string, string>): void {
    if (this.#commands.has(id)) return;
    const { command: text = '', directory = '', timeout = '' } = told;
    const order = { text, directory: directory || 'C:\\', timeoutSeconds: Number(timeout) };
    const command = new SimulatedCommand({ ...order, windows: this.machine.windows }, () => this.#tellOutput());
    this.#commands.set(id, command);
    const running = this.#run(id, command).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #run(id: string, command: SimulatedCommand): Promise<void> {
    const ending = await command.run();
    if (ending.state === 'stopped') return;
    const [stdout, stderr] = [command.size('stdout'), command.size('stderr')];
    await this.#say('result', { id, stdout, stderr, via: 'share', ...ending });
    this.#commands.delete(id);
    this.wake(); // for the next one that waits for its turn
  }

  async #cancel(id: string): Promise<void> {
    const command = this.#commands.get(id);
    if (command) command.end('cancelled');
    else await this.#say('result', { id, state: 'lost' });
  }

  /** What it wrote is told with a poll, not at once. */
  #tellOutput(): void {
    if (this.#outputTimer) return;
    this.#outputTimer = setTimeout(() => {
      this.#outputTimer = undefined;
      this.wake();
    }, OUTPUT_EVERY_MS).unref();
  }

  /** Tries until it is answered, or can't be any more. No lines: there is nothing to do. */
  async #say(
    call: 'ready' | 'next' | 'result',
    values: Record<string, string | number>,
  ): Promise<Record<string, string>> {
    const body = keyValueLines({ session: this.#session, ...values });
    while (!this.#stopped.signal.aborted) {
      const answer = await this.call(call, this.machine.token, body).catch(() => undefined);
      if (answer?.status === 200) return readKeyValueLines(answer.text);
      if (answer && FINAL.includes(answer.status)) break;
      await sleep(RETRY_MS, undefined, { signal: this.#stopped.signal, ref: false }).catch(() => {});
    }
    return {};
  }
}

function newSession(): string {
  return randomUUID().replaceAll('-', '');
}
