import type { InstallDurations } from '../domain/installProgress.js';
import { Prisma } from '../generated/prisma/client.js';
import type { Db, Tx } from './client.js';

/** By vmType: the medians of the last five installations that became an image. One that has none is not in it. */
export async function installDurations(db: Db | Tx, vmTypes: string[]): Promise<Map<string, InstallDurations>> {
  const rows = await db.$queryRaw<({ vmType: string } & InstallDurations)[]>(Prisma.sql`
    SELECT "vmType",
      percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM "installedAt" - "startedAt")::float8 * 1000) AS "installMs",
      percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM "readyAt" - "startedAt")::float8 * 1000) AS "readyMs"
    FROM (
      SELECT "vmType", "startedAt", "installedAt", "readyAt",
        row_number() OVER (PARTITION BY "vmType" ORDER BY "readyAt" DESC) AS "age"
      FROM "GoldenImage"
      WHERE "vmType" = ANY (${vmTypes}) AND "readyAt" >= "installedAt" AND "installedAt" > "startedAt"
    ) AS made WHERE "age" <= 5 GROUP BY "vmType"`);
  return new Map(rows.map(({ vmType, installMs, readyMs }) => [vmType, { installMs, readyMs }]));
}
