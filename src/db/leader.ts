import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Logger } from '../log.js';
import { endSession, openSession } from './connection.js';
import { LOCKS } from './locks.js';
import type { Reserve } from './reserve.js';

/** How often a server that waits asks for the lock, and the one that leads says that it lives. */
const BEAT_MS = 1_000;
/** Postgres ends the session, and gives the lock away, when nothing was heard for so long: its server is frozen, or its host is gone. */
const SILENCE_LIMIT_MS = 6_000;
/** A new term waits for transactions of the last one, which Postgres ends when they stand idle (connection.ts). */
const STATEMENT_LIMIT_MS = 7_000;

/**
 * Runs `lead` in one server at a time of all that share the database: whoever holds the lock. It is the database session's, so
 * Postgres gives it to another server when this one dies, or is not heard any more. `lead` returns how to stop; that is awaited
 * before this server may lead again, and called as soon as the session is lost. A server that does not know yet that it lost it is
 * kept from doing harm by its term: see `Lead`.
 */
export class Leader {
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(
    readonly options: {
      url: string;
      log: Logger;
      /** Who leads makes room, so a new term is begun on a full disk too. */
      reserve?: Reserve | undefined;
      /** `over`: this server knows that the term has ended. */
      lead: (term: bigint, over: AbortSignal) => Promise<() => Promise<void>>;
    },
  ) {}

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
      const since = performance.now();
      try {
        await this.#session();
        failing = false;
      } catch (err) {
        if (!failing) log.warn({ err }, 'cannot take part in choosing the leader; trying again');
        failing = true;
        await this.options.reserve?.relieve(err, since).catch(() => false);
      }
      await sleep(BEAT_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** One connection: waits for the lock, leads until the connection is lost or the server stops. */
  async #session(): Promise<void> {
    const { url, log, lead } = this.options;
    const over = new AbortController();
    const stop = () => over.abort();
    const beat = () => sleep(BEAT_MS, undefined, { signal: over.signal }).catch(() => {});
    const needs = { name: 'vapiorc leader', statementLimitMs: STATEMENT_LIMIT_MS, idleLimitMs: SILENCE_LIMIT_MS };
    const client = await openSession(url, needs);
    for (const end of ['error', 'end'] as const) client.on(end, stop);
    this.#stopped.signal.addEventListener('abort', stop);
    if (this.#stopped.signal.aborted) stop();
    try {
      while (!over.signal.aborted && !(await takeLock(client))) await beat();
      if (over.signal.aborted) return;
      const term = await nextTerm(client);
      log.info({ term: String(term) }, 'this server reconciles');
      const leave = await lead(term, over.signal);
      try {
        for (await beat(); !over.signal.aborted; await beat()) await client.query('SELECT 1');
      } finally {
        over.abort();
        await leave();
        log.info({ term: String(term) }, 'this server no longer reconciles');
      }
    } finally {
      this.#stopped.signal.removeEventListener('abort', stop);
      await endSession(client);
    }
  }
}

async function takeLock(client: pg.Client): Promise<boolean> {
  // Advisory keys are the database's; deployments in two schemas of it have a leader each.
  const { rows } = await client.query<{ held: boolean }>(
    `SELECT pg_try_advisory_lock($1::bigint + CASE current_schema() WHEN 'public' THEN 0 ELSE hashtext(current_schema()) END) AS held`,
    [String(LOCKS.leader)],
  );
  return rows[0]?.held === true;
}

/** From here on whatever an earlier leader still writes is refused. */
async function nextTerm(client: pg.Client): Promise<bigint> {
  const { rows } = await client.query<{ term: string }>(
    `UPDATE "LeaderTerm" SET "term" = "term" + 1, "since" = now() WHERE "id" = 1 RETURNING "term"`,
  );
  const [row] = rows;
  if (!row) throw new Error('the table LeaderTerm has lost its row: INSERT INTO "LeaderTerm" DEFAULT VALUES mends it');
  return BigInt(row.term);
}
