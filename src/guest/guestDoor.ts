import type { RequestListener } from 'node:http';
import type { GuestWay, GuestWays } from '../domain/guestWays.js';
import type { PartHealth } from '../domain/health.js';
import { isLoopback, type Peer, plain } from '../http/hostCheck.js';
import type { Logger } from '../log.js';
import { Addresses } from '../primitives/addresses.js';
import { GuestListener } from './guestListener.js';

const RETRY_MS = 5_000;

/**
 * Where guests call in: a listener on each address of this machine that leads them here, and the guest routes and nothing else behind
 * them. There may be no such address yet and the engine may be away now, so it is tried again until they listen, and again when an address
 * changes.
 */
export class GuestDoor {
  /** By whose address it is. */
  readonly #listeners = new Map<string, GuestListener>();
  #ways: readonly GuestWay[] = [];
  /** Why no way is known. */
  #problem = 'not open yet';
  /** Undefined: not known yet. */
  #guests: { all: Addresses; hosts: Addresses } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #opening: Promise<void> = Promise.resolve();
  #told: string | undefined;

  constructor(
    readonly options: { handle: RequestListener; port: number; ways: () => Promise<GuestWays>; log: Logger },
  ) {}

  start(): void {
    const tick = () => {
      this.#opening = this.#opening.then(() => this.#open());
    };
    this.#timer = setInterval(tick, RETRY_MS);
    tick();
  }

  health(): PartHealth {
    const [needed] = this.#ways;
    const listener = needed && this.#listenerOf(needed);
    if (listener?.address === undefined)
      return { status: 'DEGRADED', message: `guests cannot call in: ${listener?.problem ?? this.#problem}` };
    const words = this.#ways.flatMap((way) => {
      const { address, problem } = this.#listenerOf(way);
      if (way.which === undefined) return [];
      return address === undefined
        ? `those ${way.which} cannot: ${problem}`
        : `guests${way.which && ` ${way.which}`} call in at ${address}:${this.options.port}`;
    });
    return { status: 'OK', message: words.join('; ') };
  }

  /**
   * Whose address this is. A guest, of another deployment too, has that of its container, also in user-mode networking, and speaks with
   * it to every address of this host. What is a host's among those is no guest's. Until they are known any address may be a guest's but
   * those of this machine alone.
   */
  whoIs(remoteAddress: string | undefined): Peer {
    if (remoteAddress === undefined) return 'unknown'; // it has hung up
    if (this.#guests === undefined) return isLoopback(remoteAddress) ? 'caller' : 'unknown';
    const { all, hosts } = this.#guests;
    const address = plain(remoteAddress);
    return all.has(address) && !hosts.has(address) ? 'guest' : 'caller';
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#opening;
    await Promise.all([...this.#listeners.values()].map((listener) => listener.close('the server stops')));
  }

  async #open(): Promise<void> {
    const { ways, log, port } = this.options;
    const before = this.#addresses();
    try {
      const { doors, guests, hosts } = await ways();
      this.#guests = { all: new Addresses(guests), hosts: new Addresses(hosts) };
      this.#ways = doors;
      const opened = await Promise.allSettled(
        doors.map((way) => {
          const listener = this.#listenerOf(way);
          return way.address === undefined
            ? listener.close(way.problem ?? 'there is no way for them')
            : listener.open(way.address);
        }),
      );
      for (const one of opened)
        if (one.status === 'rejected') log.debug({ err: one.reason }, 'guest door stays closed');
    } catch (err) {
      // What is open stays open: the engine is away, the address is not.
      this.#problem = (err as Error).message;
      for (const listener of this.#listeners.values())
        if (listener.address === undefined) listener.problem = this.#problem;
    }
    const addresses = this.#addresses();
    if (addresses.join() !== before.join()) log.info({ addresses, port }, 'guests can call in');
    const { status, message } = this.health();
    if (status !== 'OK' && this.#told !== message) log.warn({ why: message }, 'guests cannot call in yet');
    this.#told = status === 'OK' ? undefined : message;
  }

  #listenerOf({ whose, elsewhere }: GuestWay): GuestListener {
    const listener = this.#listeners.get(whose) ?? new GuestListener({ ...this.options, whose, elsewhere });
    this.#listeners.set(whose, listener);
    return listener;
  }

  /** Where guests can call in now. */
  #addresses(): string[] {
    return this.#ways.flatMap((way) => this.#listenerOf(way).address ?? []);
  }
}
