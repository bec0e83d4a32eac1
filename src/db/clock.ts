import type { PrismaClient } from '../generated/prisma/client.js';

/** An offset drifts by milliseconds in this time, unless somebody sets the database's clock. */
const MEASURE_EVERY_MS = 10_000;
/** A slower answer says too little of what the time was when it was given. */
const SLOW_MS = 1_000;

/**
 * The time by a database's clock, which is the only one that counts for whatever is written into its rows or compared with them: several
 * servers may have several clocks, and a lease of 600 s ends after 600 s by none of them but its own. Until it is followed, as if the
 * clocks agreed.
 */
export class Clock {
  /** What is added to `performance.now()`, which nobody can set. */
  #offsetMs = performance.timeOrigin;

  now(): Date {
    return new Date(performance.now() + this.#offsetMs);
  }

  /** Asks the database what time it is, now and from then on. Returns how to end that. @throws when it does not answer at first. */
  async follow(db: Pick<PrismaClient, '$queryRaw'>): Promise<() => void> {
    await this.#measure(db, Number.POSITIVE_INFINITY);
    const timer = setInterval(() => {
      // While the database is away the last offset is as good as any.
      this.#measure(db, SLOW_MS).catch(() => undefined);
    }, MEASURE_EVERY_MS).unref();
    return () => clearInterval(timer);
  }

  async #measure(db: Pick<PrismaClient, '$queryRaw'>, mostMs: number): Promise<void> {
    const asked = performance.now();
    const [row] = await db.$queryRaw<{ ms: number }[]>`
      SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS "ms"`;
    const answered = performance.now();
    if (row && answered - asked <= mostMs) this.#offsetMs = row.ms - (asked + answered) / 2;
  }
}
