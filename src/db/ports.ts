import { Prisma } from '../generated/prisma/client.js';
import type { Db } from './client.js';

/** Allocation of ports is one at a time on this database: two rows of two tables can't share a unique index. */
const PORT_LOCK = 7_602_174_912n;

/**
 * Gives the machine the lowest web port that no live row holds and that is not in `skip`; keeps the one it has unless that is in
 * `skip`. Undefined: the range is used up. The unique index on "port" stands behind this.
 */
export function allocatePort(
  db: Db,
  machine: { kind: 'vm' | 'golden'; id: string },
  range: { start: number; end: number },
  skip: readonly number[],
): Promise<number | undefined> {
  return db.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(${PORT_LOCK}::bigint)`;
    const table = Prisma.raw(machine.kind === 'vm' ? '"Vm"' : '"GoldenImage"');
    const [row] = await tx.$queryRaw<{ port: number }[]>(Prisma.sql`
      UPDATE ${table} SET "port" = coalesce(
        CASE WHEN "port" <> ALL (${[...skip]}::int[]) THEN "port" END,
        (SELECT min(candidate) FROM generate_series(${range.start}::int, ${range.end}::int) AS candidate
         WHERE candidate <> ALL (${[...skip]}::int[])
           AND NOT EXISTS (SELECT 1 FROM "Vm" WHERE "port" = candidate)
           AND NOT EXISTS (SELECT 1 FROM "GoldenImage" WHERE "port" = candidate)))
      WHERE "id" = ${machine.id}::uuid RETURNING "port"`);
    return row?.port ?? undefined;
  });
}
