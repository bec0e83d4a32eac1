import type { PartHealth } from '../domain/health.js';
import type { Db } from './client.js';

const LIMIT_MS = 3_000;

/** Asks the database for a sign of life; never throws, answers within 3 s. */
export async function pingDatabase(db: Db): Promise<PartHealth> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('late')), LIMIT_MS);
  });
  try {
    await Promise.race([db.$queryRaw`SELECT 1`, late]);
    return { status: 'OK', message: 'Postgres answers' };
  } catch {
    return {
      status: 'DOWN',
      message: 'Postgres does not answer: start it, or check DATABASE_URL; nothing is lost meanwhile',
    };
  } finally {
    clearTimeout(timer);
  }
}
