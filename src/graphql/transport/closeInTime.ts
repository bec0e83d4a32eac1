import type { WebSocket } from 'ws';

/** How long a caller may take to say good-bye. */
const LIMIT_MS = 1_000;

/** Says good-bye; whoever does not answer in time is cut off. Resolves when the connection is over. */
export async function closeInTime(socket: WebSocket, code: number, reason: string): Promise<void> {
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const late = setTimeout(() => socket.terminate(), LIMIT_MS);
  socket.close(code, reason);
  await closed;
  clearTimeout(late);
}
