import { start } from '../../src/app.js';
import { loadConfig } from '../../src/config.js';
import { anyPort } from './anyPort.js';
import { collectLog } from './collectLog.js';
import { createTestDatabase } from './database.js';

export interface SimulatedServer {
  /** http://127.0.0.1:<port> */
  url: string;
  databaseUrl: string;
  /** What was logged, warnings and worse. */
  log: Record<string, unknown>[];
  /** Its VMs, which are in this process, end with it. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** The whole server in this process, on a database of its own, with simulated VMs that take milliseconds. */
export async function startSimulatedServer(settings: Record<string, string> = {}): Promise<SimulatedServer> {
  const database = await createTestDatabase();
  const config = loadConfig({
    VAPIORC_PROVISIONER: 'simulated',
    VAPIORC_PORT: String(await anyPort()),
    VAPIORC_PORT_START: '20000',
    VAPIORC_PORT_END: '20099',
    VAPIORC_SIMULATED_CREATE_MS: '1',
    VAPIORC_SIMULATED_BOOT_MS: '5',
    VAPIORC_SIMULATED_INSTALL_MS: '5',
    DATABASE_URL: database.url,
    ...settings,
  });
  const { log, logger } = collectLog('warn');
  const up = async () => {
    const app = await start(config, logger);
    await app.ready;
    return app;
  };
  let app = await up();
  return {
    url: app.url,
    databaseUrl: database.url,
    log,
    async restart() {
      await app.stop();
      app = await up();
    },
    async close() {
      await app.stop();
      await database.drop();
    },
  };
}
