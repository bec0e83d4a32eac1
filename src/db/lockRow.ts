import { Prisma } from '../generated/prisma/client.js';
import type { Tx } from './client.js';

/**
 * The row with this id, held until the transaction ends: what is decided on it still holds when it is written. One round trip; who had to
 * wait for the row sees it as it is then.
 */
export async function lockRow<Row>(
  tx: Tx,
  table: 'Vm' | 'GoldenImage' | 'Command' | 'Pool',
  id: string,
  strength: 'UPDATE' | 'NO KEY UPDATE' = 'UPDATE',
): Promise<Row | null> {
  const [row] = await tx.$queryRaw<Row[]>(
    Prisma.sql`SELECT * FROM ${Prisma.raw(`"${table}"`)} WHERE "id" = ${id}::uuid FOR ${Prisma.raw(strength)}`,
  );
  return row ?? null;
}
