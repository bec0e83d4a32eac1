import { randomUUID } from 'node:crypto';
import { guestToken } from '../../../src/db/deployment.js';
import type { World } from '../../support/world.js';

export interface GuestReply {
  status: number;
  /** What follows from the answer's lines. */
  lines: Record<string, string>;
  text: string;
}

export type GuestValues = Record<string, string | number>;

/** What an agent of a machine does, as oem/PROTOCOL.md has it, one call at a time. */
export class Agent {
  /** One start of it. */
  session = newSession();
  running: string[] = [];

  constructor(
    readonly world: World,
    readonly machineId: string,
  ) {}

  async call(name: string, values: GuestValues | string, signal?: AbortSignal): Promise<GuestReply> {
    const body = typeof values === 'string' ? values : lines(values);
    const response = await fetch(`${this.world.url}/guest/v1/${name}`, {
      method: 'POST',
      body,
      headers: { authorization: `Bearer ${guestToken(this.world.deployment, this.machineId)}` },
      ...(signal && { signal }),
    });
    const text = await response.text();
    return { status: response.status, lines: response.status === 200 ? parsed(text) : {}, text };
  }

  ready(values: GuestValues = {}): Promise<GuestReply> {
    return this.call('ready', { phase: 'ready', session: this.session, build: '10.0.26100', ...values });
  }

  next(values: GuestValues = {}, signal?: AbortSignal): Promise<GuestReply> {
    return this.call('next', { session: this.session, wait: 0, running: this.running.join(','), ...values }, signal);
  }

  result(id: string, values: GuestValues = {}): Promise<GuestReply> {
    this.running = this.running.filter((other) => other !== id);
    const ended = { id, session: this.session, state: 'exited', exit: 0, stdout: 0, stderr: 0, via: 'share' };
    return this.call('result', { ...ended, ...values });
  }

  /** Asks for something to run, and runs it. */
  async takes(): Promise<Record<string, string>> {
    const { lines: told } = await this.next();
    if (told.do === 'run') this.running.push(told.id as string);
    return told;
  }

  /** Windows has restarted: a new start of the agent, which reports. */
  async restart(): Promise<void> {
    this.session = newSession();
    this.running = [];
    await this.ready();
  }
}

function newSession(): string {
  return randomUUID().replaceAll('-', '');
}

function lines(values: GuestValues): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}\r\n`)
    .join('');
}

function parsed(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split(/\r?\n/)
      .filter((line) => line !== '')
      .map((line) => [line.slice(0, line.indexOf('=')), decodeURIComponent(line.slice(line.indexOf('=') + 1))]),
  );
}
