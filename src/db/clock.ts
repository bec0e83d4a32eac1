import type { Db } from './client.js';

/** An offset drifts by milliseconds in this time, unless somebody sets the database's clock. */
const MEASURE_EVERY_MS = 10_000;
/** A slower answer says too little of what the time was when it was given. */
const SLOW_MS = 1_000;

/** What is added to `performance.now()`, which nobody can set: until the first measurement, as if the clocks agreed. */
let offsetMs = performance.timeOrigin;

/**
 * The time by the database's clock, which is the only one that counts for whatever is written into rows or compared with them: several
 * servers may have several clocks, and a lease of 600 s ends after 600 s by none of them but its own. (A process has one database.)
 */
export function databaseTime(): Date {
  return new Date(performance.now() + offsetMs);
}

/** Asks the database what time it is, now and from then on. Returns how to end that. @throws when the database does not answer at first. */
export async function followClock(db: Db): Promise<() => void> {
  await measure(db, Number.POSITIVE_INFINITY);
  const timer = setInterval(() => {
    // While the database is away the last offset is as good as any.
    measure(db, SLOW_MS).catch(() => undefined);
  }, MEASURE_EVERY_MS).unref();
  return () => clearInterval(timer);
}

async function measure(db: Db, mostMs: number): Promise<void> {
  const asked = performance.now();
  const [row] = await db.$queryRaw<{ ms: number }[]>`
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS "ms"`;
  const answered = performance.now();
  if (row && answered - asked <= mostMs) offsetMs = row.ms - (asked + answered) / 2;
}
