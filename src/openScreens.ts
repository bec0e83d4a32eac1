import type { Config } from './config.js';
import type { Db } from './db/client.js';
import { machinesAtEndpoints } from './db/endpoints.js';
import type { Feed } from './events/feed.js';
import type { Callers } from './http/callers.js';
import type { Peer } from './http/hostCheck.js';
import { ScreenDoors } from './http/screenDoors.js';
import type { Logger } from './log.js';
import { MACHINE_PORTS } from './provisioner/machinePorts.js';
import type { Provisioner } from './provisioner/provisioner.js';

interface ScreensOptions {
  config: Config;
  db: Db;
  feed: Feed;
  provisioner: Provisioner;
  callers: Callers;
  whoIs: (remoteAddress: string | undefined) => Peer;
  log: Logger;
}

/** Shows the screen of each machine that has one at its place, from now on. */
export function openScreens({ config, db, feed, provisioner, callers, whoIs, log }: ScreensOptions): ScreenDoors {
  const screens = new ScreenDoors({
    names: [config.publicHost, config.host],
    machines: async () =>
      (await machinesAtEndpoints(db)).flatMap(({ kind, id, endpoint }) => {
        const door = provisioner.endpoints(endpoint)?.door;
        return door ? [{ kind, id, door }] : [];
      }),
    dial: (machine) => provisioner.dial(machine, MACHINE_PORTS.web),
    callers,
    whoIs,
    log,
  });
  screens.start();
  feed.onEvents((events) => screens.see(events));
  return screens;
}
