import { Agent, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { LIMITS } from '../domain/limits.js';
import { createListener } from './createListener.js';
import { closeServer, listen } from './listen.js';
import { type EdgeRefusal, refuseRequest, refuseUpgrade } from './refuse.js';

/** How long the machine's web server may take for an answer. Milliseconds. */
const ANSWER_LIMIT_MS = 30_000;
const UNREACHABLE: EdgeRefusal = {
  status: 503,
  code: 'UNAVAILABLE',
  message: 'the machine does not answer',
  fix: 'Try again when it runs.',
  retryAfterSeconds: 5,
};

export interface ScreenDoorOptions {
  address: string;
  port: number;
  /** Connects to the machine's own web server. */
  dial: () => Promise<Socket>;
  /** Why this caller may not come in. Asked before anything of the request is looked at but its head. */
  refusal: (req: IncomingMessage) => EdgeRefusal | undefined;
}

/**
 * A machine's screen at its web port. What serves it in the machine asks nobody who they are, so any page in an operator's browser could
 * drive a VM; this listener stands before it, lets in who may, and passes on what they ask.
 */
export class ScreenDoor {
  readonly #agent: Agent;
  /** Both ends of each WebSocket: Node's server forgets what it handed over. */
  readonly #joined = new Set<Duplex>();
  #server: Server | undefined;
  #isClosed = false;

  constructor(readonly options: ScreenDoorOptions) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: 16, maxFreeSockets: 4, timeout: ANSWER_LIMIT_MS });
    // Node's own types know only an answer at once; the callback is documented.
    this.#agent.createConnection = (_options, connected) => {
      options.dial().then(
        (socket) => connected?.(null, socket),
        (err: Error) => connected?.(err, undefined as never),
      );
      return undefined as never;
    };
  }

  /** @throws Error  the address can't be had */
  async open(): Promise<void> {
    const { address, port, refusal } = this.options;
    const server = createListener(
      { headersTimeout: LIMITS.headSeconds.value * 1000, connectionsCheckingInterval: 1_000, maxHeaderSize: 16_384 },
      {
        handle: (req, res) => {
          const refused = refusal(req);
          if (refused) refuseRequest(req, res, refused);
          else this.#pass(req, res);
        },
        upgrade: (req, socket, head) => {
          const refused = refusal(req);
          if (refused) refuseUpgrade(req, socket, refused);
          else void this.#join(req, socket, head);
        },
        connections: {
          perAddress: () => LIMITS.screenConnections.value,
          total: LIMITS.screenConnections.value,
          isTold: () => true,
        },
      },
    );
    await listen(server, address, port);
    this.#server = server;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#agent.destroy();
    for (const end of this.#joined) end.destroy();
    if (this.#server) await closeServer(this.#server, 0);
  }

  #pass(req: IncomingMessage, res: ServerResponse): void {
    const { method, url: path, headers } = req;
    const asked = request({ agent: this.#agent, method, path, headers, timeout: ANSWER_LIMIT_MS }, (answer) => {
      // A page that shows this one in a frame could have it clicked.
      res.writeHead(answer.statusCode ?? 502, { ...answer.headers, 'x-frame-options': 'SAMEORIGIN' });
      answer.on('error', () => res.destroy()).pipe(res);
    });
    asked.on('timeout', () => asked.destroy(new Error('late')));
    asked.on('error', () => (res.headersSent ? res.destroy() : refuseRequest(req, res, UNREACHABLE)));
    res.once('close', () => asked.destroy());
    req.pipe(asked);
  }

  /** The WebSocket of the screen: from here on bytes. */
  async #join(req: IncomingMessage, caller: Duplex, head: Buffer): Promise<void> {
    const machine = await this.options.dial().catch(() => undefined);
    if (machine === undefined) return refuseUpgrade(req, caller, UNREACHABLE);
    if (caller.destroyed || this.#isClosed) {
      caller.destroy();
      return void machine.destroy();
    }
    const lines = [`${req.method} ${req.url} HTTP/1.1`];
    for (let n = 0; n < req.rawHeaders.length; n += 2) lines.push(`${req.rawHeaders[n]}: ${req.rawHeaders[n + 1]}`);
    machine.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
    (caller as Socket).setKeepAlive(true, 30_000);
    for (const [end, other] of [
      [caller, machine],
      [machine, caller],
    ] as const) {
      this.#joined.add(end);
      end.once('close', () => {
        this.#joined.delete(end);
        other.destroy();
      });
    }
    caller.pipe(machine).pipe(caller);
  }
}
