import { randomUUID } from 'node:crypto';
import type pg from 'pg';

/** Windows version of everything that benchmarks make. */
export const VM_TYPE = '11';

/** A sealed golden image that is current, with a pool that wants nothing. Answers the image's id. */
export async function seedImage(db: pg.Pool | pg.Client): Promise<string> {
  const id = randomUUID();
  await db.query('INSERT INTO "ImageLine" ("name", "vmType") VALUES ($1, $1)', [VM_TYPE]);
  await db.query(
    `INSERT INTO "Pool" ("name", "lineId", "vmType", "hotSpares", "maxVms")
     SELECT "name", "id", "vmType", 0, 1000 FROM "ImageLine"`,
  );
  await db.query(
    `INSERT INTO "GoldenImage" ("id", "lineId", "vmType", "version", "name", "status", "current", "cpuCores", "ramMiB", "diskGiB",
       "language", "containerImage", "sizeBytes", "sha256", "readyAt")
     VALUES ($1, (SELECT "id" FROM "ImageLine"), $2, 1, 'benchmark', 'READY', true, 2, 4096, 64, 'en', 'none', 1, repeat('0', 64), now())`,
    [id, VM_TYPE],
  );
  return id;
}

/** Ready spares without machines behind them, seen alive until tomorrow, written straight into the tables; spares that were there are removed. */
export async function seedSpares(db: pg.Pool | pg.Client, imageId: string, count: number): Promise<void> {
  await db.query(`DELETE FROM "Vm" WHERE "status" = 'READY'`);
  await db.query(
    `INSERT INTO "Vm" ("id", "poolId", "vmType", "goldenImageId", "status", "hotSpare", "cpuCores", "ramMiB", "readyAt")
     SELECT gen_random_uuid(), (SELECT "id" FROM "Pool"), $1, $2, 'READY', true, 2, 4096, now() + n * interval '1 ms' FROM generate_series(1, $3::int) n`,
    [VM_TYPE, imageId, count],
  );
  await db.query('TRUNCATE "Sighting"');
  await db.query(
    `INSERT INTO "Sighting" ("vmId", "at") SELECT "id", now() + interval '1 day' FROM "Vm" WHERE "status" = 'READY'`,
  );
  await db.query('VACUUM ANALYZE "Vm", "Sighting"');
}
