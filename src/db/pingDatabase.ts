import type { PartHealth } from '../domain/health.js';
import type { Db } from './client.js';
import { databaseAway } from './databaseAway.js';
import { isDiskFull } from './diskFull.js';

const LIMIT_MS = 3_000;

/** Has the database write, to its log and to its disk; never throws, answers within 3 s. */
export async function pingDatabase(db: Db): Promise<PartHealth> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('late')), LIMIT_MS);
  });
  const written = writes(db);
  written.catch(() => {}); // it may fail after its time is over
  try {
    await Promise.race([written, late]);
    return { status: 'OK', message: 'Postgres answers' };
  } catch (err) {
    const away = isDiskFull(err) ? databaseAway(err) : undefined;
    // It still answers what is asked.
    if (away) return { status: 'DEGRADED', message: `${away.message}: ${away.fix}` };
    return {
      status: 'DOWN',
      message: 'Postgres does not answer: start it, or check DATABASE_URL; nothing is lost meanwhile',
    };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A commit that is forced to the disk, and rows that are more than the memory they are given and go to the disk, some 300 KB. Of neither
 * anything stays: no row, no page of a table, no lock.
 */
async function writes(db: Db): Promise<void> {
  await db.$transaction(async (tx) => {
    await tx.$executeRaw`SET LOCAL work_mem = 64`;
    await tx.$queryRaw`SELECT count(*)::int FROM generate_series(1, 20000)`;
    await tx.$queryRaw`SELECT pg_logical_emit_message(true, 'vapiorc', 'health')::text`;
  });
}
