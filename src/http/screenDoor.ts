import { type IncomingHttpHeaders, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { LIMITS } from '../domain/limits.js';
import type { Caller } from '../domain/principal.js';
import { Slots } from '../primitives/slots.js';
import type { Callers } from './callers.js';
import { createListener } from './createListener.js';
import { headOf } from './headOf.js';
import { closeServer, listen } from './listen.js';
import { type EdgeRefusal, refuseRequest, refuseUpgrade } from './refuse.js';

/** How long the machine's web server may take for an answer. Milliseconds. */
const ANSWER_LIMIT_MS = 30_000;
/** What a page is asked and answered with. The rest is between two ends of a connection, or could break what Node writes. */
const ASKED = /^(accept|accept-.*|cache-control|cookie|host|if-.*|range|referer|user-agent)$/;
const ANSWERED =
  /^(accept-ranges|cache-control|content-(encoding|language|length|range|type)|date|etag|last-modified|location|vary)$/;
const READS_ONLY: EdgeRefusal = {
  status: 405,
  code: 'METHOD_NOT_ALLOWED',
  message: 'a screen is only looked at by HTTP',
  fix: 'Use GET; keys and mouse go over its WebSocket, or by sendKeys and click of the API.',
};
const TOO_MANY: EdgeRefusal = {
  status: 429,
  code: 'TOO_MANY_OPERATIONS',
  message: 'too many requests to this screen are under way',
  fix: 'Wait for some of them.',
  retryAfterSeconds: 1,
};
const UNREACHABLE: EdgeRefusal = {
  status: 503,
  code: 'UNAVAILABLE',
  message: 'the machine does not answer',
  fix: 'Try again when it runs.',
  retryAfterSeconds: 5,
};

export interface ScreenDoorOptions {
  host: string;
  port: number;
  /** Connects to the machine's own web server, for somebody. */
  dial: (by: Caller) => Promise<Duplex>;
  /** Somebody now sees the machine and may drive it. */
  joined: (by: Caller) => void;
  /** Why this caller may not come in. Asked before anything of the request is looked at but its head. */
  refusal: (req: IncomingMessage) => EdgeRefusal | undefined;
  callers: Callers;
}

/**
 * A machine's screen at its web port. What serves it in the machine asks nobody who they are, so any page in an operator's browser could
 * drive a VM; this listener stands before it, lets in who may, and passes on what they ask.
 */
export class ScreenDoor {
  /** Both ends of each WebSocket: Node's server forgets what it handed over. */
  readonly #joined = new Set<Duplex>();
  #server: Server | undefined;
  #isClosed = false;
  readonly #requests = new Slots(LIMITS.screenConnections.value);

  constructor(readonly options: ScreenDoorOptions) {}

  /** @throws Error  the address can't be had */
  async open(): Promise<void> {
    const { host, port, refusal, callers } = this.options;
    const admit = (req: IncomingMessage): EdgeRefusal | undefined => {
      const refused = refusal(req);
      if (refused === undefined) callers.enter(req);
      return refused;
    };
    const server = createListener(
      { headersTimeout: LIMITS.headSeconds.value * 1000, connectionsCheckingInterval: 1_000, maxHeaderSize: 16_384 },
      {
        handle: (req, res) => {
          const refused = admit(req);
          if (refused) refuseRequest(req, res, refused);
          else void this.#pass(req, res);
        },
        upgrade: (req, socket, head) => {
          const refused = admit(req);
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
    await listen(server, host, port);
    this.#server = server;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const end of this.#joined) end.destroy();
    if (this.#server) await closeServer(this.#server, 0);
  }

  /** Each request has a connection of its own to the machine, and what of a page may go over it. */
  async #pass(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (req.method !== 'GET' && req.method !== 'HEAD') return refuseRequest(req, res, READS_ONLY);
    const free = this.#requests.take('');
    if (free === undefined) return refuseRequest(req, res, TOO_MANY);
    res.once('close', free);
    const refuse = () => (res.headersSent ? res.destroy() : refuseRequest(req, res, UNREACHABLE));
    try {
      const machine = await this.options.dial(this.options.callers.of(req));
      if (res.closed || this.#isClosed) return void machine.destroy();
      res.once('close', () => machine.destroy());
      const { method, url: path } = req;
      request({
        createConnection: () => machine,
        method,
        path,
        headers: only(ASKED, req.headers),
        timeout: ANSWER_LIMIT_MS,
      })
        .on('response', (answer) => show(answer, res, refuse))
        // It speaks of something else than was asked.
        .on('upgrade', refuse)
        .on('timeout', refuse)
        .on('error', refuse)
        .end();
    } catch {
      refuse();
    }
  }

  /** The WebSocket of the screen: from here on bytes. */
  async #join(req: IncomingMessage, caller: Duplex, head: Buffer): Promise<void> {
    const by = this.options.callers.of(req);
    const machine = await this.options.dial(by).catch(() => undefined);
    if (machine === undefined) return refuseUpgrade(req, caller, UNREACHABLE);
    if (caller.destroyed || this.#isClosed) {
      caller.destroy();
      return void machine.destroy();
    }
    machine.write(Buffer.concat([headOf(`${req.method} ${req.url} HTTP/1.1`, req.rawHeaders), head]));
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
    this.options.joined(by);
    caller.pipe(machine).pipe(caller);
  }
}

/** What the machine says is not trusted to be what HTTP allows. */
function show(answer: IncomingMessage, res: ServerResponse, refuse: () => void): void {
  try {
    // A page that shows this one in a frame could have it clicked.
    res.writeHead(answer.statusCode ?? 0, { ...only(ANSWERED, answer.headers), 'x-frame-options': 'SAMEORIGIN' });
    answer.on('error', () => res.destroy()).pipe(res);
  } catch {
    refuse();
  }
}

function only(names: RegExp, headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => names.test(name)));
}
