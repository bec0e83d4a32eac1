import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, start } from '../../../src/app.js';
import { loadConfig } from '../../../src/config.js';
import { collectLog } from '../../support/collectLog.js';
import { createTestDatabase } from '../../support/database.js';
import { freePort } from '../../system/support/ports.js';

export interface TestServer {
  app: App;
  port: number;
  guestPort: number;
  databaseUrl: string;
  /** What was logged, warnings and worse. */
  log: Record<string, unknown>[];
  /** A connection to it, closed at the end of the test; its errors are nobody's. */
  connect(options?: { port?: number; from?: string }): Socket;
  /** From now on the engine has networks, or not. */
  setNetworks(there: boolean): void;
  close(): Promise<void>;
}

/** Resolves when the connection is over, however it ends. */
export function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

/**
 * The whole server in this process, on every address of this machine, with a Docker Engine that knows nothing but itself and its networks, once
 * they are there: all of 127.0.0.0/8 but 127.0.0.1 are guests.
 */
export async function aServer(over: Record<string, string> = {}): Promise<TestServer> {
  let hasNetworks = false;
  const engine = createServer((req, res) => {
    res.writeHead(hasNetworks ? 200 : 500, { 'content-type': 'application/json' });
    const network = {
      Id: '0123456789ab',
      Name: 'vapiorc_default',
      Driver: 'bridge',
      Internal: false,
      IPAM: { Config: [{ Gateway: '127.0.0.1', Subnet: '127.0.0.0/8' }] },
      Options: {},
    };
    const version = { Version: '20.10.24', ApiVersion: '1.41', Os: 'linux', Arch: 'amd64' };
    const path = (req.url ?? '').replace(/\?.*/, '');
    if (path.endsWith('/containers/json')) res.end('[]');
    else if (path.endsWith('/networks')) res.end(JSON.stringify([network]));
    else res.end(JSON.stringify({ ...version, ...network }));
  });
  const folder = await mkdtemp(join(tmpdir(), 'vapiorc-port-'));
  const database = await createTestDatabase();
  const socket = join(folder, 'docker.sock');
  await once(engine.listen(socket), 'listening');
  const [port, guestPort] = [await freePort(), await freePort()];
  const config = loadConfig({
    DATABASE_URL: database.url,
    VAPIORC_HOST: '0.0.0.0',
    VAPIORC_PORT: String(port),
    VAPIORC_GUEST_PORT: String(guestPort),
    VAPIORC_DOCKER_SOCKET: socket,
    VAPIORC_STORAGE_PATH: join(folder, 'storage'),
    ...over,
  });
  const { log, logger } = collectLog('warn');
  const app = await start(config, logger);
  const sockets: Socket[] = [];
  return {
    app,
    port,
    guestPort,
    databaseUrl: database.url,
    log,
    connect({ port: to = port, from = '127.0.0.1' } = {}) {
      const socket = connect({ host: '127.0.0.1', localAddress: from, port: to }).setEncoding('latin1');
      socket.on('error', () => {});
      sockets.push(socket);
      return socket;
    },
    setNetworks(there) {
      hasNetworks = there;
    },
    async close() {
      for (const one of sockets) one.destroy();
      await app.stop();
      engine.closeAllConnections();
      engine.close();
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
