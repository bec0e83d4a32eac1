import type { Server } from 'node:http';

/** How many connections one guest may have open to one listener. */
const CONNECTIONS_PER_ADDRESS = 64;

/** One guest that opens connections without end leaves the others theirs. Addresses for which `isLimited` is false are not counted. */
export function limitPerAddress(
  server: Server,
  isLimited: (address: string | undefined) => boolean = () => true,
): void {
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const from = socket.remoteAddress ?? '';
    if (!isLimited(socket.remoteAddress)) return;
    const count = (open.get(from) ?? 0) + 1;
    open.set(from, count);
    socket.once('close', () => {
      const left = (open.get(from) ?? 1) - 1;
      if (left > 0) open.set(from, left);
      else open.delete(from);
    });
    if (count > CONNECTIONS_PER_ADDRESS) socket.destroy();
  });
}
