import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { hasBody } from './bodyTime.js';
import { refuseConnection } from './refuse.js';

export interface ConnectionLimits {
  /** How many one address may have. */
  perAddress: (address: string) => number;
  /** How many there may be together. */
  total: number;
  /** Whether an address that has too many is told so, or cut off. */
  isTold?: (address: string) => boolean;
}

export interface Admission {
  isLetIn: (socket: Socket) => boolean;
  /** A connection is a WebSocket's from now on. */
  upgraded: (req: IncomingMessage) => void;
}

interface Connection {
  address: string;
  /** Requests under way; a WebSocket is one for ever. */
  requests: number;
}

/** A body that was still to come when its request began; with what had come of the connection then, and when that was. */
interface Body {
  req: IncomingMessage;
  bytes: number;
  at: number;
}

/** A body that comes slower than this can be given up for another connection, after a moment to begin. */
const SLOW_BYTES_PER_SECOND = 16_384;
const BEGINS_MS = 1_000;

/**
 * Bounds the connections of a listener. Where there are as many as may be, the one that has been without a request for longest makes
 * room, or else the one that has for longest been sending a body slowly: of the same address, or, when it is all of them together, of
 * any. So who opens connections and asks nothing, or never comes to an end of it, keeps nobody out.
 */
export function limitConnections(
  server: Server,
  { perAddress, total, isTold = () => false }: ConnectionLimits,
): Admission {
  const all = new Map<Socket, Connection>();
  const perPeer = new Map<string, number>();
  /** Without a request under way, the longest first. */
  const idle = new Set<Socket>();
  /** With a body in its last request, the longest first. */
  const sending = new Map<Socket, Body>();

  const forget = (socket: Socket) => {
    const connection = all.get(socket);
    if (!connection) return;
    all.delete(socket);
    idle.delete(socket);
    sending.delete(socket);
    const left = (perPeer.get(connection.address) ?? 1) - 1;
    if (left > 0) perPeer.set(connection.address, left);
    else perPeer.delete(connection.address);
  };
  function* expendable() {
    yield* idle;
    for (const [socket, body] of sending) {
      if (body.req.complete) {
        sending.delete(socket);
        continue;
      }
      const elapsed = performance.now() - body.at;
      if (elapsed < BEGINS_MS) return; // as all behind it
      if (socket.bytesRead - body.bytes < (elapsed / 1000) * SLOW_BYTES_PER_SECOND) yield socket;
    }
  }
  const makeRoom = (address: string): boolean => {
    const hasTooMany = (perPeer.get(address) ?? 0) >= perAddress(address);
    if (!hasTooMany && all.size < total) return true;
    for (const socket of expendable()) {
      if (hasTooMany && all.get(socket)?.address !== address) continue;
      forget(socket);
      socket.destroy();
      return true;
    }
    return false;
  };
  server.on('connection', (socket) => {
    if (all.has(socket)) return; // given back after a wish for another protocol that was passed over
    const address = socket.remoteAddress ?? '';
    if (!makeRoom(address)) {
      if (isTold(address)) refuseConnection(socket);
      else socket.destroy();
      return;
    }
    all.set(socket, { address, requests: 0 });
    perPeer.set(address, (perPeer.get(address) ?? 0) + 1);
    idle.add(socket);
    socket.once('close', () => forget(socket));
  });

  const began = ({ socket }: IncomingMessage): Connection | undefined => {
    idle.delete(socket);
    const connection = all.get(socket);
    if (connection) connection.requests++;
    return connection;
  };
  const during = (req: IncomingMessage, res: ServerResponse) => {
    const { socket } = req;
    const connection = began(req);
    if (!connection) return;
    if (hasBody(req)) {
      sending.delete(socket);
      sending.set(socket, { req, bytes: socket.bytesRead, at: performance.now() });
    }
    res.once('close', () => {
      if (--connection.requests > 0 || !all.has(socket)) return;
      sending.delete(socket);
      idle.add(socket);
    });
  };
  server.prependListener('request', during);
  server.prependListener('checkContinue', during);
  return { isLetIn: (socket) => all.has(socket), upgraded: (req) => void began(req) };
}
