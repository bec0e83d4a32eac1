import { createServer } from 'node:net';
import { PortTaken } from './provisioner.js';

/**
 * The engine finds out who holds a port that it is to publish. The web port is this server's to listen on, so it looks itself.
 * An address that this machine does not have is not its to judge.
 * @throws PortTaken
 */
export function refuseTakenPort(address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (err: NodeJS.ErrnoException) =>
      err.code === 'EADDRINUSE' ? reject(new PortTaken(port)) : resolve(),
    );
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve()));
  });
}
