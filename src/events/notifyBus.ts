import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { connectionConfig, endSession, prepareSession } from '../db/connection.js';
import type { Transport, TransportEvents } from './transport.js';

const RETRY_FIRST_MS = 100;
const RETRY_MOST_MS = 5_000;
/** A query that takes longer means that nobody is there. */
const NEEDS = { name: 'vapiorc bus', statementLimitMs: 3_000 };
/** How long a connection may be dead before it is noticed: a listener only waits, and TCP tells it nothing. */
const PROBE_EVERY_MS = 15_000;

/** Hints by LISTEN and NOTIFY, over one connection of its own: a pool would give the listening one away. */
export function openNotify(url: string, channel: string, events: TransportEvents): Transport {
  const closing = new AbortController();
  let client: pg.Client | undefined; // only while it listens

  /** One connection, from its start to its end, which is always an error. */
  const session = async (): Promise<never> => {
    const fresh = new pg.Client(connectionConfig(url, NEEDS));
    let fail: (err: Error) => void = () => undefined;
    const lost = new Promise<never>((_resolve, reject) => {
      fail = reject;
    });
    lost.catch(() => undefined); // it may come before anybody waits for it
    const closed = () => fail(new Error('closed'));
    fresh.on('error', fail);
    fresh.on('end', () => fail(new Error('the connection was closed')));
    closing.signal.addEventListener('abort', closed);
    const probe = setInterval(() => void fresh.query('SELECT 1').catch(fail), PROBE_EVERY_MS).unref();
    try {
      await Promise.race([fresh.connect(), lost]);
      await Promise.race([prepareSession(fresh, url, NEEDS), lost]);
      fresh.on('notification', ({ payload }) => {
        if (payload !== undefined && /^\d{1,19}$/.test(payload)) events.hint(BigInt(payload));
      });
      await Promise.race([fresh.query(`LISTEN ${pg.escapeIdentifier(channel)}`), lost]);
      client = fresh;
      events.up();
      return await lost;
    } finally {
      client = undefined;
      clearInterval(probe);
      closing.signal.removeEventListener('abort', closed);
      await endSession(fresh);
    }
  };

  const run = async () => {
    let retryMs = RETRY_FIRST_MS;
    while (!closing.signal.aborted) {
      const startedAt = performance.now();
      try {
        await session();
      } catch (err) {
        if (!closing.signal.aborted) events.down((err as Error).message);
      }
      if (performance.now() - startedAt > PROBE_EVERY_MS) retryMs = RETRY_FIRST_MS;
      await sleep(retryMs * (0.5 + Math.random() / 2), undefined, { signal: closing.signal }).catch(() => undefined);
      retryMs = Math.min(retryMs * 2, RETRY_MOST_MS);
    }
  };
  const running = run();

  return {
    async send(seq) {
      if (!client) throw new Error('not connected');
      const used = client;
      try {
        await used.query('SELECT pg_notify($1, $2)', [channel, String(seq)]);
      } catch (err) {
        await endSession(used); // the session ends, and a new one begins
        throw err;
      }
    },
    async close() {
      closing.abort();
      await running;
    },
  };
}
