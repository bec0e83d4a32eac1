import type { IncomingMessage, ServerResponse } from 'node:http';
import { LIMITS } from '../domain/limits.js';
import { Slots } from '../primitives/slots.js';
import { hasBody, isUpload } from './bodyTime.js';
import type { EdgeRefusal } from './refuse.js';

/** What callers have under way, by address: one count for all ways to ask, so that no way is a detour around it. */
export class UnderWay {
  readonly operations = new Slots(LIMITS.operationsPerAddress.value, LIMITS.operations.value);
  readonly sockets = new Slots(LIMITS.webSocketsPerAddress.value, LIMITS.webSockets.value);

  /** Bytes of bodies. */
  readonly #bodies = new Slots(LIMITS.bodyBytesPerAddress.value, LIMITS.bodyBytes.value);

  /** Counts a request until it is answered, waits and streams too; or says why it may not begin. */
  begin(req: IncomingMessage, res: ServerResponse): EdgeRefusal | undefined {
    const address = req.socket.remoteAddress ?? '';
    const free = this.operations.take(address);
    if (!free) return TOO_MANY_OPERATIONS;
    res.once('close', free);
    return hasBody(req) && !isUpload(req, 'caller') ? this.#keepRoom(req, res, address) : undefined;
  }

  /** For what it says of its length; where it says nothing, for the longest until it has come, and then for what came. */
  #keepRoom(req: IncomingMessage, res: ServerResponse, address: string): EdgeRefusal | undefined {
    const { socket, headers } = req;
    const longest = LIMITS.graphqlBodyBytes.value;
    const bytes = Math.min(Number(headers['content-length'] ?? longest), longest);
    let free = this.#bodies.take(address, bytes);
    if (!free) return TOO_MUCH_SENT;
    res.once('close', () => free?.());
    if (headers['content-length'] !== undefined) return undefined;
    const before = socket.bytesRead;
    req.once('end', () => {
      if (res.closed) return;
      free?.();
      free = this.#bodies.take(address, Math.min(socket.bytesRead - before, longest));
    });
    return undefined;
  }
}

export const TOO_MANY_OPERATIONS: EdgeRefusal = {
  status: 429,
  code: 'TOO_MANY_OPERATIONS',
  message: 'too many operations of your address are under way',
  fix: 'End some: subscriptions, waits, streams of events.',
  retryAfterSeconds: 5,
};

const TOO_MUCH_SENT: EdgeRefusal = {
  status: 429,
  code: 'TOO_MUCH_SENT',
  message: 'too many bytes of requests of your address, or of all, are under way',
  fix: 'Send fewer large requests at once; files go by PUT to their REST route, of which none is kept in memory.',
  retryAfterSeconds: 1,
};
