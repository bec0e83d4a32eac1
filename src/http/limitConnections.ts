import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
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

/**
 * Bounds the connections of a listener. Where there are as many as may be, the one that has been without a request for longest makes
 * room: of the same address, or, when it is all of them together, of any. So who opens connections and asks nothing keeps nobody out.
 */
export function limitConnections(
  server: Server,
  { perAddress, total, isTold = () => false }: ConnectionLimits,
): Admission {
  const all = new Map<Socket, Connection>();
  const perPeer = new Map<string, number>();
  /** Without a request under way, the longest first. */
  const idle = new Set<Socket>();

  const forget = (socket: Socket) => {
    const connection = all.get(socket);
    if (!connection) return;
    all.delete(socket);
    idle.delete(socket);
    const left = (perPeer.get(connection.address) ?? 1) - 1;
    if (left > 0) perPeer.set(connection.address, left);
    else perPeer.delete(connection.address);
  };
  const makeRoom = (address: string): boolean => {
    const hasTooMany = (perPeer.get(address) ?? 0) >= perAddress(address);
    if (!hasTooMany && all.size < total) return true;
    for (const socket of idle) {
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
    res.once('close', () => {
      if (connection && --connection.requests === 0 && all.has(socket)) idle.add(socket);
    });
  };
  server.prependListener('request', during);
  server.prependListener('checkContinue', during);
  return { isLetIn: (socket) => all.has(socket), upgraded: (req) => void began(req) };
}
