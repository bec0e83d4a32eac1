import type { RequestListener } from 'node:http';
import type { PartHealth } from '../domain/health.js';
import { isLoopback, type Peer, plain } from '../http/hostCheck.js';
import type { Logger } from '../log.js';
import { Addresses } from '../primitives/addresses.js';
import { GuestListener } from './guestListener.js';

const RETRY_MS = 5_000;
/** The addresses of the Docker host that lead guests here. */
export interface GuestWays {
  /** Of the VMs' own network; NAT guests come to it. */
  gateway: string;
  /** Of Docker's default network, for guests in user-mode networking, from whom the other is hidden. */
  userModeGateway?: string | undefined;
  /** Why there is none, and what to do. */
  userModeProblem?: string | undefined;
  /** The networks of VMs of all deployments on the same engine, our own among them, and the host's address in each. */
  ranges: readonly { gateway: string; subnet: string }[];
}

/**
 * Where guests call in: a listener on the address that the Docker host has in the VMs' own network, one on its address in Docker's
 * default network, and the guest routes and nothing else behind both. The network may be made only later and Docker may be
 * away now, so it is tried again until they listen, and again when an address changes.
 */
export class GuestDoor {
  readonly #nat: GuestListener;
  readonly #user: GuestListener;
  /** Undefined: not known yet. */
  #guests: { all: Addresses; hosts: Addresses } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #opening: Promise<void> = Promise.resolve();
  #told: string | undefined;

  constructor(
    readonly options: {
      handle: RequestListener;
      port: number;
      network: () => Promise<GuestWays>;
      /** How guests are connected; an image that can't do NAT falls back to `user` by itself. */
      mode?: 'nat' | 'user';
      log: Logger;
    },
  ) {
    this.#nat = new GuestListener({ ...options, whose: "the VM network's gateway" });
    this.#user = new GuestListener({ ...options, whose: "the gateway of Docker's default network" });
  }

  start(): void {
    const tick = () => {
      this.#opening = this.#opening.then(() => this.#open());
    };
    this.#timer = setInterval(tick, RETRY_MS);
    tick();
  }

  health(): PartHealth {
    const { port, mode } = this.options;
    const nat = this.#nat.address;
    const user = this.#user.address;
    const [needed, problem] = mode === 'user' ? [user, this.#user.problem] : [nat, this.#nat.problem];
    if (needed === undefined) return { status: 'DEGRADED', message: `guests cannot call in: ${problem}` };
    const at = mode === 'user' ? '' : `guests call in at ${nat}:${port}; `;
    const message =
      user === undefined
        ? `${at}those in user-mode networking cannot: ${this.#user.problem}`
        : `${at}guests in user-mode networking call in at ${user}:${port}`;
    return { status: 'OK', message };
  }

  /**
   * Whose address this is. A guest, of another deployment too, has that of its container, also in user-mode networking, and speaks with
   * it to every address of this host. The gateway itself is the Docker host, whose people are no guests. Until the VMs' network is known any address may be a guest's but
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
    await Promise.all([this.#nat, this.#user].map((listener) => listener.close('the server stops')));
  }

  async #open(): Promise<void> {
    const { network, log, port } = this.options;
    const before = [this.#nat.address, this.#user.address].join();
    try {
      const { gateway, ranges, userModeGateway, userModeProblem = 'there is no way for them' } = await network();
      this.#guests = {
        all: new Addresses(ranges.map(({ subnet }) => subnet)),
        hosts: new Addresses(ranges.map((range) => range.gateway)),
      };
      const opened = await Promise.allSettled([
        this.#nat.open(gateway),
        userModeGateway === undefined ? this.#user.close(userModeProblem) : this.#user.open(userModeGateway),
      ]);
      for (const one of opened)
        if (one.status === 'rejected') log.debug({ err: one.reason }, 'guest door stays closed');
    } catch (err) {
      // What is open stays open: the engine is away, the address is not.
      for (const listener of [this.#nat, this.#user])
        if (listener.address === undefined) listener.problem = (err as Error).message;
    }
    const [nat, user] = [this.#nat.address, this.#user.address];
    if ([nat, user].join() !== before) log.info({ address: nat, userModeAddress: user, port }, 'guests can call in');
    const { status, message } = this.health();
    if (status !== 'OK' && this.#told !== message) log.warn({ why: message }, 'guests cannot call in yet');
    this.#told = status === 'OK' ? undefined : message;
  }
}
