import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Place } from '../domain/endpoints.js';
import type { Event, EventKind } from '../domain/events.js';
import type { Caller } from '../domain/principal.js';
import type { Logger } from '../log.js';
import type { Callers } from './callers.js';
import { isHostAllowed, originCheck, type Peer } from './hostCheck.js';
import type { EdgeRefusal } from './refuse.js';
import { ScreenDoor } from './screenDoor.js';

const LOOK_MS = 5_000;
/** From here on a machine has a screen at its port, or none any more. */
const CHANGES: readonly EventKind[] = [
  'VM_BOOTING',
  'VM_READY',
  'VM_DESTROYED',
  'VM_CLEANED',
  'GOLDEN_IMAGE_INSTALLING',
  'GOLDEN_IMAGE_READY',
  'GOLDEN_IMAGE_CLEANED',
];

/** A machine whose screen is shown here. */
export interface Shown {
  kind: 'vm' | 'golden';
  id: string;
  door: Place;
}

export interface ScreenDoorsOptions {
  /** The names of this host by which clients may call, beside addresses and localhost. */
  names: readonly string[];
  machines: () => Promise<Shown[]>;
  /** For whoever came in. */
  dial: (machine: Shown, by: Caller) => Promise<Duplex>;
  callers: Callers;
  whoIs: (remoteAddress: string | undefined) => Peer;
  log: Logger;
}

/**
 * The screens of all machines, each at its web port. Of several servers on one host the first holds a port, and another one takes it over
 * when that is gone: each looks again every few seconds, and at once when it is told that something changed.
 */
export class ScreenDoors {
  readonly #doors = new Map<string, ScreenDoor>();
  readonly #told = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #pending = false;
  #stopped = false;

  constructor(readonly options: ScreenDoorsOptions) {}

  start(): void {
    this.#timer = setInterval(() => this.poke(), LOOK_MS);
    this.poke();
  }

  /** Looks now where one of these events gave a machine a screen, or took it away. */
  see(events: readonly Pick<Event, 'kind'>[]): void {
    if (events.some(({ kind }) => CHANGES.includes(kind))) this.poke();
  }

  /** Looks now; pokes during a look add up to one more. */
  poke(): void {
    if (this.#pending || this.#stopped) return;
    this.#pending = true;
    this.#looking = this.#looking.then(() => {
      this.#pending = false;
      return this.#stopped
        ? undefined
        : this.#look().catch((err: unknown) => this.options.log.debug({ err }, 'screens could not be looked after'));
    });
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopped = true;
    await this.#looking;
    await Promise.all([...this.#doors.values()].map((door) => door.close()));
    this.#doors.clear();
  }

  async #look(): Promise<void> {
    const wanted = new Map((await this.options.machines()).map((machine) => [keyOf(machine), machine]));
    for (const [key, door] of this.#doors) {
      if (wanted.has(key)) continue;
      this.#doors.delete(key);
      await door.close();
    }
    for (const key of this.#told) if (!wanted.has(key)) this.#told.delete(key);
    for (const [key, machine] of wanted) if (!this.#doors.has(key)) await this.#open(key, machine);
  }

  async #open(key: string, machine: Shown): Promise<void> {
    const { dial, callers, log } = this.options;
    const { kind, id } = machine;
    const refusal = (req: IncomingMessage) => this.#refusal(req);
    const door = new ScreenDoor({
      ...machine.door,
      dial: (by) => dial(machine, by),
      joined: ({ principal: { id: principalId, name: principalName }, address }) =>
        log.info({ kind, id, principalId, principalName, address }, 'somebody is at the screen of a machine'),
      refusal,
      callers,
    });
    try {
      await door.open();
      this.#doors.set(key, door);
      this.#told.delete(key);
    } catch (err) {
      // Another server on this host may show it.
      if (!this.#told.has(key)) log.info({ err, ...machine }, 'this server does not show the screen of a machine');
      this.#told.add(key);
    }
  }

  #refusal({ socket, headers }: IncomingMessage): EdgeRefusal | undefined {
    const { names, whoIs } = this.options;
    const refused = (code: string, message: string, fix: string): EdgeRefusal => ({ status: 403, code, message, fix });
    if (whoIs(socket.remoteAddress) !== 'caller')
      return refused('NOT_FOR_GUESTS', 'guests see no screens', 'Ask from outside of the VMs.');
    if (!isHostAllowed(headers.host, names))
      return refused('HOST_REFUSED', 'this server does not answer for that host', 'Use an address of it, or its name.');
    if (isForeign(headers.origin, headers.host))
      return refused(
        'FOREIGN_ORIGIN',
        'a web page of another origin may not see or drive a VM',
        'Open the page itself.',
      );
    return undefined;
  }
}

/** A screen's own page and nobody else's. */
const isForeign = originCheck({ consolePorts: { start: 0, end: 0 } });

const keyOf = ({ kind, id, door: { host, port } }: Shown) => `${kind} ${id} ${host} ${port}`;
