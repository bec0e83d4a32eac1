import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from '../log.js';

/** Key of the session lock that the one reconciling server holds. */
const LEADER_LOCK = 7_602_174_913n;
const RETRY_MS = 2_000;

/**
 * Runs `lead` in one server at a time of all that share the database: whoever holds the lock. It is the database session's, so
 * Postgres gives it to another server when this one dies. `lead` returns how to stop; that is awaited before the lock is let go,
 * and called as soon as the session is lost.
 */
export class Leader {
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(readonly options: { url: string; log: Logger; lead: () => Promise<() => Promise<void>> }) {}

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { log } = this.options;
    const { signal } = this.#stopped;
    let failing = false;
    while (!signal.aborted) {
      try {
        await this.#term();
        failing = false;
      } catch (err) {
        if (!failing) log.warn({ err }, 'cannot take part in choosing the leader; trying again');
        failing = true;
      }
      await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** One connection: waits for the lock, leads until the connection is lost or the server stops. */
  async #term(): Promise<void> {
    const { url, log, lead } = this.options;
    const { signal } = this.#stopped;
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: 5_000,
      // A frozen connection must not leave two leaders: Postgres gives the lock away when it drops ours.
      query_timeout: 5_000,
      keepAlive: true,
      application_name: 'vapiorc leader',
    });
    const lost = new AbortController();
    client.on('error', () => lost.abort());
    client.on('end', () => lost.abort());
    await client.connect();
    try {
      const over = AbortSignal.any([signal, lost.signal]);
      while (!over.aborted) {
        const { rows } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [
          LEADER_LOCK.toString(),
        ]);
        if (rows[0]?.held === true) break;
        await sleep(RETRY_MS, undefined, { signal: over }).catch(() => {});
      }
      if (over.aborted) return;
      log.info('this server reconciles');
      const stop = await lead();
      try {
        while (!over.aborted) {
          // A dead peer is noticed by asking; the answer itself does not matter.
          await sleep(RETRY_MS, undefined, { signal: over }).catch(() => {});
          if (!over.aborted) await client.query('SELECT 1');
        }
      } finally {
        await stop();
        log.info('this server no longer reconciles');
      }
    } finally {
      await client.end().catch(() => {});
    }
  }
}
