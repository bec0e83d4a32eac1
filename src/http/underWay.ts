import type { IncomingMessage, ServerResponse } from 'node:http';
import { LIMITS } from '../domain/limits.js';
import { Slots } from '../domain/slots.js';
import type { EdgeRefusal } from './refuse.js';

/** What callers have under way, by address: one count for all ways to ask, so that no way is a detour around it. */
export class UnderWay {
  readonly operations = new Slots(LIMITS.operationsPerAddress.value, LIMITS.operations.value);
  readonly sockets = new Slots(LIMITS.webSocketsPerAddress.value, LIMITS.webSockets.value);

  /** Counts a request until it is answered, waits and streams too; or says why it may not begin. */
  begin(req: IncomingMessage, res: ServerResponse): EdgeRefusal | undefined {
    const free = this.operations.take(req.socket.remoteAddress ?? '');
    if (!free) return TOO_MANY_OPERATIONS;
    res.once('close', free);
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
