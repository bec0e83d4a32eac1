import type { RequestListener, Server } from 'node:http';
import { LIMITS } from '../domain/limits.js';
import { createListener } from '../http/createListener.js';
import { closeServer, listen } from '../http/listen.js';

/** A listener for guests on one address, which may come late, change and go. Bounded in all that a guest can make it hold. */
export class GuestListener {
  #server: Server | undefined;
  #address: string | undefined;
  /** Why it is not open; undefined while it is. */
  problem: string | undefined = 'not open yet';

  constructor(
    readonly options: {
      handle: RequestListener;
      port: number;
      /** Whose address it is, for people. */
      whose: string;
      /** What to do where it is no address of this machine. */
      elsewhere: string;
    },
  ) {}

  /** Where it listens. */
  get address(): string | undefined {
    return this.#server && this.#address;
  }

  /** Listens on this address, or goes on doing so. @throws why not; `problem` says it in words. */
  async open(address: string): Promise<void> {
    const { handle, port, whose, elsewhere } = this.options;
    if (this.#server && address === this.#address) return;
    await this.close('not open yet');
    const server = createListener(
      {
        requestTimeout: LIMITS.bodySeconds.value * 1000,
        headersTimeout: LIMITS.headSeconds.value * 1000,
        connectionsCheckingInterval: 1_000,
        maxHeaderSize: 8_192,
      },
      {
        handle,
        connections: {
          perAddress: () => LIMITS.connectionsPerGuest.value,
          total: LIMITS.guestConnections.value,
        },
      },
    );
    try {
      await listen(server, address, port);
    } catch (err) {
      const code = ((err as Error).cause as NodeJS.ErrnoException | undefined)?.code;
      this.problem =
        code === 'EADDRNOTAVAIL'
          ? `${whose} is not an address of this machine: ${elsewhere}`
          : code === 'EADDRINUSE'
            ? `port ${port} on ${whose} is taken. By another server of this deployment: then that one serves the guests. By another deployment or program: set VAPIORC_GUEST_PORT (a second deployment also needs its own VAPIORC_NETWORK and port range)`
            : (err as Error).message;
      throw err;
    }
    this.#server = server;
    this.#address = address;
    this.problem = undefined;
  }

  async close(why: string): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#address = undefined;
    this.problem = why;
    if (server) await closeServer(server, 1_000);
  }
}
