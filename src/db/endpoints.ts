import { Prisma } from '../generated/prisma/client.js';
import type { Db } from './client.js';
import { holdLock } from './locks.js';
import type { Write } from './write.js';

/**
 * One at a time on this database. Gives the machine the first of `ids` that no live row holds and that is not in `skip`; keeps the one it
 * has unless that is in `skip`. Undefined: all are given. The unique indexes on "endpoint" stand behind this.
 */
export function allotEndpoint(
  write: Write,
  machine: { kind: 'vm' | 'golden'; id: string },
  ids: readonly string[],
  skip: readonly string[],
): Promise<string | undefined> {
  return write(async (tx) => {
    await holdLock(tx, 'endpoints');
    const table = Prisma.raw(machine.kind === 'vm' ? '"Vm"' : '"GoldenImage"');
    const [row] = await tx.$queryRaw<{ endpoint: string | null }[]>(Prisma.sql`
      UPDATE ${table} SET "endpoint" = coalesce(
        CASE WHEN "endpoint" <> ALL (${[...skip]}::text[]) THEN "endpoint" END,
        (SELECT candidate FROM unnest(${[...ids]}::text[]) WITH ORDINALITY AS given(candidate, place)
         WHERE candidate <> ALL (${[...skip]}::text[])
           AND NOT EXISTS (SELECT 1 FROM "Vm" WHERE "endpoint" = candidate)
           AND NOT EXISTS (SELECT 1 FROM "GoldenImage" WHERE "endpoint" = candidate)
         ORDER BY place LIMIT 1))
      WHERE "id" = ${machine.id}::uuid RETURNING "endpoint"`);
    return row?.endpoint ?? undefined;
  });
}

/** The machines that were made and have an endpoint. */
export function machinesAtEndpoints(db: Db): Promise<{ kind: 'vm' | 'golden'; id: string; endpoint: string }[]> {
  return db.$queryRaw`
    SELECT 'vm' AS "kind", "id", "endpoint" FROM "Vm" WHERE "endpoint" IS NOT NULL AND "engineId" IS NOT NULL
    UNION ALL
    SELECT 'golden', "id", "endpoint" FROM "GoldenImage" WHERE "endpoint" IS NOT NULL AND "engineId" IS NOT NULL`;
}
