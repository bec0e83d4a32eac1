import type { Server } from 'node:http';
import { Slots } from '../domain/slots.js';

/** How many connections one guest may have open to one listener. */
const CONNECTIONS_PER_ADDRESS = 64;

/** One guest that opens connections without end leaves the others theirs. Addresses for which `isLimited` is false are not counted. */
export function limitPerAddress(
  server: Server,
  isLimited: (address: string | undefined) => boolean = () => true,
): void {
  const slots = new Slots(CONNECTIONS_PER_ADDRESS);
  server.on('connection', (socket) => {
    if (!isLimited(socket.remoteAddress)) return;
    const free = slots.take(socket.remoteAddress ?? '');
    if (free) socket.once('close', free);
    else socket.destroy();
  });
}
