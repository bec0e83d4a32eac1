import { estimateReadyAt, type InstallDurations } from '../domain/installProgress.js';
import { Prisma } from '../generated/prisma/client.js';
import type { Db, Tx } from './client.js';

/**
 * By line: the medians of its last five installations that became an image, or, where it has none, of the last five of its vmType. One of
 * whose vmType there is none is not in it.
 */
export async function installDurations(
  db: Pick<Db | Tx, '$queryRaw'>,
  lineIds: readonly string[],
): Promise<Map<string, InstallDurations>> {
  const rows = await db.$queryRaw<({ lineId: string } & InstallDurations)[]>(Prisma.sql`
    SELECT line."id" AS "lineId",
      percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM made."installedAt" - made."startedAt")::float8 * 1000) AS "installMs",
      percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM made."readyAt" - made."startedAt")::float8 * 1000) AS "readyMs"
    FROM "ImageLine" line CROSS JOIN LATERAL (
      SELECT "startedAt", "installedAt", "readyAt", rank() OVER (ORDER BY ("lineId" = line."id") DESC) AS "nearness",
        row_number() OVER (ORDER BY ("lineId" = line."id") DESC, "readyAt" DESC) AS "age"
      FROM "GoldenImage"
      WHERE "vmType" = line."vmType" AND "readyAt" >= "installedAt" AND "installedAt" > "startedAt"
    ) AS made
    WHERE line."id" = ANY (${[...lineIds]}::uuid[]) AND made."nearness" = 1 AND made."age" <= 5 GROUP BY line."id"`);
  return new Map(rows.map(({ lineId, installMs, readyMs }) => [lineId, { installMs, readyMs }]));
}

/** By image, of those that are being made: when it may be READY, by the installations before it. */
export async function estimatesOf(db: Db, imageIds: string[]): Promise<Map<string, Date>> {
  const images = await db.goldenImage.findMany({
    where: { id: { in: imageIds }, status: { in: ['INSTALLING', 'SEALING'] } },
    select: { id: true, lineId: true, status: true, startedAt: true, progress: true },
  });
  const earlier = await installDurations(db, [...new Set(images.map(({ lineId }) => lineId))]);
  const now = db.clock.now();
  const estimates = images.map((image) => [image.id, estimateReadyAt(image, earlier.get(image.lineId), now)] as const);
  return new Map(estimates.filter((one): one is [string, Date] => one[1] !== undefined));
}
