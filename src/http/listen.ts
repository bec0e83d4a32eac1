import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Starts listening; resolves with the port. An address that can't be had is an error that says what to do. */
export function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (err: NodeJS.ErrnoException) => {
      const why: Record<string, string> = {
        EADDRINUSE: `another program listens on ${host}:${port}; stop it or set VAPIORC_PORT`,
        EACCES: `no permission to listen on ${host}:${port}; set VAPIORC_PORT to 1024 or above`,
        EADDRNOTAVAIL: `this machine has no address ${host}; set VAPIORC_HOST`,
      };
      reject(new Error(why[err.code ?? ''] ?? `cannot listen on ${host}:${port}`, { cause: err }));
    };
    server.once('error', failed);
    server.listen({ host, port }, () => {
      server.off('error', failed);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Stops accepting, lets requests that are under way end within `graceMs`, then cuts what is left. */
export async function closeServer(server: Server, graceMs: number): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}
