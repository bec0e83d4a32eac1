import { createServer } from 'node:net';
import { RDP_OFFSET } from '../hostPorts.js';
import { EndpointTaken } from '../provisioner.js';

/**
 * The engine finds out who holds a port that it is to publish. The web port is this server's to listen on, so it looks itself.
 * An address that this machine does not have is not its to judge.
 * @throws EndpointTaken
 */
export function refuseTakenPort(address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (err: NodeJS.ErrnoException) =>
      err.code === 'EADDRINUSE' ? reject(portTaken(port)) : resolve(),
    );
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve()));
  });
}

export function portTaken(port: number): EndpointTaken {
  return new EndpointTaken(`port ${port} or ${port + RDP_OFFSET} is held by another program`);
}
