import { createServer, type RequestListener, type Server } from 'node:http';
import type { PartHealth } from '../domain/health.js';
import type { Logger } from '../log.js';
import { isInSubnet } from './hostCheck.js';
import { closeServer, listen } from './listen.js';

const RETRY_MS = 5_000;

/**
 * Where guests call in: a listener on the address that the Docker host has in the VMs' own network, with the guest routes
 * and nothing else behind it. That network may be made only later and Docker may be away now, so it is tried again
 * until it listens, and again when the address changes.
 */
export class GuestDoor {
  #server: Server | undefined;
  #address: string | undefined;
  #subnet: string | undefined;
  #problem = 'not open yet';
  #timer: NodeJS.Timeout | undefined;
  #opening: Promise<void> = Promise.resolve();
  #told = false;

  constructor(
    readonly options: {
      handle: RequestListener;
      port: number;
      network: () => Promise<{ gateway: string; subnet: string }>;
      log: Logger;
    },
  ) {}

  start(): void {
    const tick = () => {
      this.#opening = this.#open();
    };
    this.#timer = setInterval(tick, RETRY_MS);
    tick();
  }

  health(): PartHealth {
    const { port } = this.options;
    return this.#server
      ? { status: 'OK', message: `guests call in at ${this.#address}:${port}` }
      : { status: 'DEGRADED', message: `guests cannot call in: ${this.#problem}` };
  }

  /** Whether this is the address of a guest's container. The gateway itself is the Docker host, whose people are no guests. */
  isGuest(remoteAddress: string | undefined): boolean {
    if (remoteAddress === undefined || this.#subnet === undefined) return false;
    return isInSubnet(remoteAddress, this.#subnet) && remoteAddress.replace(/^::ffff:/i, '') !== this.#address;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#opening;
    await this.#close();
  }

  async #open(): Promise<void> {
    const { handle, port, network, log } = this.options;
    try {
      const { gateway: address, subnet } = await network();
      this.#subnet = subnet;
      if (address === this.#address) return;
      await this.#close();
      const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000, maxHeaderSize: 8_192 }, handle);
      server.maxConnections = 4_096;
      limitPerAddress(server, 64);
      await listen(server, address, port);
      this.#server = server;
      this.#address = address;
      this.#told = false;
      log.info({ address, port }, 'guests can call in');
    } catch (err) {
      const code = ((err as Error).cause as NodeJS.ErrnoException | undefined)?.code;
      this.#problem =
        code === 'EADDRNOTAVAIL'
          ? "the VM network's gateway is not an address of this machine: run the server on the Docker host, in a container with host networking (see docker-compose.yml)"
          : code === 'EADDRINUSE'
            ? `port ${port} on the VM network's gateway is taken. By another server of this deployment: then that one serves the guests. By another deployment or program: set VAPIORC_GUEST_PORT (a second deployment also needs its own VAPIORC_NETWORK and port range)`
            : (err as Error).message;
      if (!this.#told) log.warn({ why: this.#problem }, 'guests cannot call in yet');
      this.#told = true;
    }
  }

  async #close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#address = undefined;
    if (server) await closeServer(server, 1_000);
  }
}

/** One guest that opens connections without end leaves the others theirs. */
function limitPerAddress(server: Server, limit: number): void {
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const from = socket.remoteAddress ?? '';
    const count = (open.get(from) ?? 0) + 1;
    open.set(from, count);
    socket.once('close', () => {
      const left = (open.get(from) ?? 1) - 1;
      if (left > 0) open.set(from, left);
      else open.delete(from);
    });
    if (count > limit) socket.destroy();
  });
}
