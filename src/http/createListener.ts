import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import { headOf } from './headOf.js';
import { type Admission, type ConnectionLimits, limitConnections } from './limitConnections.js';
import { refuseUpgrade } from './refuse.js';
import { readToItsEnd } from './unreadBody.js';

export interface Listeners {
  handle: RequestListener;
  /** Whether `handle` says itself when a body may come whose caller waits for that word; else it is said at once. */
  asksForBody?: (req: IncomingMessage) => boolean;
  connections?: ConnectionLimits;
  /** Takes a WebSocket over or refuses it; without it such requests are ordinary ones. */
  upgrade?: (req: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/**
 * The one way to listen for HTTP. Node hands sockets over in several ways, some without a listener for their errors, and an error that
 * nobody listens for ends the process: so each socket has one from its first moment to its last, whoever holds it.
 */
export function createListener(
  options: ServerOptions,
  { handle, asksForBody = () => false, connections, upgrade }: Listeners,
): Server {
  const server = createServer(
    // Of Node 22.21 and 24.9 on; those before ask nobody.
    {
      ...options,
      shouldUpgradeCallback: (req: IncomingMessage) => upgrade !== undefined && isWebSocket(req),
    } as ServerOptions,
  );
  const { isLetIn, upgraded }: Admission = connections
    ? limitConnections(server, connections)
    : { isLetIn: () => true, upgraded: () => {} };
  server.on('request', (req, res) => {
    if (!isLetIn(req.socket)) return; // it was told so
    readToItsEnd(req, res);
    handle(req, res);
  });
  server.on('checkContinue', (req, res) => {
    if (!isLetIn(req.socket)) return;
    readToItsEnd(req, res);
    if (!asksForBody(req)) res.writeContinue();
    handle(req, res);
  });
  // What is broken is closed by whoever holds it, as 'close' comes after each error.
  const heard = new WeakSet<Duplex>(); // one that is given back comes again
  server.on('connection', (socket) => {
    if (!heard.has(socket)) socket.on('error', () => {});
    heard.add(socket);
  });
  server.on('connect', (req, socket) =>
    refuseUpgrade(req, socket, {
      status: 405,
      code: 'METHOD_NOT_ALLOWED',
      message: 'this server is no proxy',
      fix: 'Ask it for one of its own addresses.',
    }),
  );
  if (upgrade) {
    server.on('upgrade', (req, socket, head) => {
      if (!isLetIn(req.socket)) return;
      if (isWebSocket(req)) {
        upgraded(req);
        upgrade(req, socket, head);
      } else serveWithoutUpgrade(server, req, socket, head);
    });
  }
  return server;
}

/** Java's and curl's clients ask for h2c beside what they want; a server that does not speak it answers as if they had not. */
function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.trim().toLowerCase() === 'websocket';
}

/** An old Node has given the socket away by now: it gets it back, with the request as it came but for the wish. */
function serveWithoutUpgrade(server: Server, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  const again = headOf(`${req.method} ${req.url} HTTP/${req.httpVersion}`, req.rawHeaders, /^upgrade$/i);
  socket.unshift(Buffer.concat([again, head]));
  server.emit('connection', socket);
}
