import { Prisma } from '../generated/prisma/client.js';
import type { Db } from './client.js';
import { holdLock } from './locks.js';
import type { Write } from './write.js';

/**
 * One at a time on this database. Gives the machine the lowest web port that no live row holds and that is not in `skip`; keeps the one it has unless that is in
 * `skip`. Undefined: the range is used up. The unique index on "port" stands behind this.
 */
export function allocatePort(
  write: Write,
  machine: { kind: 'vm' | 'golden'; id: string },
  range: { start: number; end: number },
  skip: readonly number[],
): Promise<number | undefined> {
  return write(async (tx) => {
    await holdLock(tx, 'ports');
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

/** The machines that have a container and a web port. */
export function machinesAtPorts(db: Db): Promise<{ kind: 'vm' | 'golden'; id: string; port: number }[]> {
  return db.$queryRaw`
    SELECT 'vm' AS "kind", "id", "port" FROM "Vm" WHERE "port" IS NOT NULL AND "containerId" IS NOT NULL
    UNION ALL
    SELECT 'golden', "id", "port" FROM "GoldenImage" WHERE "port" IS NOT NULL AND "containerId" IS NOT NULL`;
}
