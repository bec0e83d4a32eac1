import type { IncomingMessage, ServerResponse } from 'node:http';
import { LIMITS } from '../domain/limits.js';
import { hasBody } from './bodyTime.js';

const WATCH_MS = 20;

/**
 * Reads what is still to come of a body after its answer, and throws it away: left where it is, it would hold up the next request on
 * this connection, and to cut the caller off while it sends would take the answer from it. What is too long or too slow is cut off.
 */
export function readToItsEnd(req: IncomingMessage, res: ServerResponse): void {
  if (!hasBody(req)) return;
  res.once('finish', () => {
    if (req.readableEnded || req.destroyed) return;
    const { socket } = req;
    const from = { bytes: socket.bytesRead, at: performance.now() };
    // Node throws away without a word what nobody has begun to read, so it is looked at instead of listened to.
    const watch = setInterval(() => {
      const isLate = performance.now() - from.at > LIMITS.unreadBodySeconds.value * 1000;
      const isLong = socket.bytesRead - from.bytes > LIMITS.unreadBodyBytes.value;
      if (req.complete) clearInterval(watch);
      else if (isLate || isLong) socket.destroy();
    }, WATCH_MS);
    const stop = () => clearInterval(watch);
    // Whoever began to read it has given up, and would stop it again.
    req.unpipe().removeAllListeners('data').removeAllListeners('readable');
    req
      .on('error', () => {})
      .once('end', stop)
      .once('close', stop);
    req.resume();
  });
}
