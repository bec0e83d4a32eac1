import { createServer } from 'node:net';

const taken = new Set<number>();

/** A web port that nobody holds now, whose RDP port (+ 1000) is free as well. Below what systems give out by themselves. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 1000; tries++) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (taken.has(port) || taken.has(port + 1000) || taken.has(port - 1000)) continue;
    if ((await isFree(port)) && (await isFree(port + 1000))) {
      taken.add(port);
      return port;
    }
  }
  throw new Error('no free port found');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
