import type { IncomingMessage } from 'node:http';
import type { Peer } from './hostCheck.js';

/** Whether the body of a request is a file, which may be of any size and take any time as long as it moves. Guests send none here. */
export function isUpload({ method, url = '' }: IncomingMessage, from: Peer): boolean {
  return from === 'caller' && method === 'PUT' && /^\/api\/[^?]*\/files\//.test(url);
}

/** Cuts a request off whose body has not come whole after `limitMs`: whoever sends byte by byte would hold it for ever. */
export function limitBodyTime(req: IncomingMessage, limitMs: number): void {
  if (req.complete || !hasBody(req)) return;
  const timer = setTimeout(() => req.destroy(), limitMs);
  timer.unref();
  const stop = () => clearTimeout(timer);
  req.once('end', stop).once('close', stop);
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
