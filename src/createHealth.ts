import type { Db } from './db/client.js';
import { damagedImages } from './db/damagedImages.js';
import { createDatabaseHealth, type DatabasePlace } from './db/databaseHealth.js';
import { type HealthReport, overall, type PartHealth } from './domain/health.js';
import type { Bus } from './events/bus.js';
import type { GuestDoor } from './guest/guestDoor.js';
import type { Provisioner } from './provisioner/provisioner.js';
import { VERSION } from './version.js';

interface HealthOptions {
  db: Db;
  database: DatabasePlace;
  /** Of the pool. */
  connections: number;
  bus: Bus;
  provisioner: Provisioner;
  /** Undefined: guests need none here. */
  guests: GuestDoor | undefined;
}

const NO_DOOR: PartHealth = { status: 'OK', message: 'simulated guests need no door' };

/** How the server is, part by part. */
export function createHealth({ db, database: place, connections, bus, provisioner, guests }: HealthOptions) {
  const databaseHealth = createDatabaseHealth(db, place, connections);
  const look = async (): Promise<HealthReport> => {
    const [database, engine] = await Promise.all([databaseHealth(), provisioner.health()]);
    // A database that is away says so itself, and who asks it again waits again.
    const damaged = database.status === 'DOWN' ? undefined : await damagedImages(db).catch(() => undefined);
    const storage: PartHealth =
      damaged === undefined || engine.storage.status !== 'OK'
        ? engine.storage
        : { status: 'DEGRADED', message: damaged };
    const parts = { database, bus: bus.health(), ...engine, storage, guests: guests?.health() ?? NO_DOOR };
    return { status: overall(parts), version: VERSION, ...parts };
  };
  // Each look asks the engine, the disk and the database; those who come while one is under way are told what it finds.
  let looking: Promise<HealthReport> | undefined;
  return (): Promise<HealthReport> => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };
}
