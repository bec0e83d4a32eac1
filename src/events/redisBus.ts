import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis, type RedisOptions, ReplyError } from 'ioredis';
import { deadline } from '../primitives/deadline.js';
import { RedisConnector } from './redisConnector.js';
import { explainRedis, ON_REPLICA } from './redisFaults.js';
import type { Transport, TransportEvents } from './transport.js';

const RETRY_MOST_MS = 5_000;
/** A command that takes longer means that nobody is there. */
const ANSWER_LIMIT_MS = 5_000;
/** How long hints may be lost before it is noticed: a subscriber only waits, and neither TCP nor a changed right tells it anything. */
const PROBE_EVERY_MS = 15_000;

/** For both connections. They reconnect for ever; what can't be sent now fails now, so nothing piles up meanwhile. */
const options: RedisOptions = {
  Connector: RedisConnector,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResubscribe: false, // we do, to know when it is done
  autoResendUnfulfilledCommands: false,
  connectTimeout: ANSWER_LIMIT_MS,
  commandTimeout: ANSWER_LIMIT_MS,
  retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 10), RETRY_MOST_MS) * (0.5 + Math.random() / 2),
};

/**
 * Hints by Redis pub/sub. A connection that subscribes can't publish: there are two. That hints pass is
 * not believed but tried: one of our own is sent round, at first and again and again.
 */
export function openRedis(url: string, channel: string, events: TransportEvents): Transport {
  const publisher = connect(url);
  const subscriber = connect(url);
  const clients = [publisher, subscriber];
  const topic = `${channel}:hints`;
  const closing = new AbortController();
  let wake = new AbortController();
  let reason = '';
  const told = new Set<Redis>(); // whose first error is noted: those that follow from it tell less
  let proof: { text: string; heard: () => void } | undefined;

  const failed = (client: Redis, err: Error) => {
    if (!told.has(client)) reason = explainRedis(err);
    told.add(client);
  };
  for (const client of clients) {
    client.on('connecting', () => told.delete(client));
    client.on('error', (err: Error) => failed(client, err));
    client.on('close', () => {
      failed(client, new Error('the connection was closed'));
      events.down(reason);
    });
    client.on('ready', () => wake.abort());
  }

  subscriber.on('message', (_topic: string, text: string) => {
    if (text === proof?.text) proof.heard();
    else if (/^\d{1,19}$/.test(text)) events.hint(BigInt(text));
  });

  const refuse = (client: Redis, err: Error): never => {
    failed(client, err);
    throw err;
  };

  /** One round: subscribes, publishes what means nothing to others, hears it. Answers what is not as it should be. */
  const prove = async (): Promise<string | undefined> => {
    await subscriber.subscribe(topic).catch((err: Error) => refuse(subscriber, err));
    const over = new AbortController();
    try {
      const heard = new Promise<void>((resolve) => {
        proof = { text: `proof ${randomUUID()}`, heard: resolve };
      });
      await publisher.publish(topic, proof?.text ?? '').catch((err: Error) => refuse(publisher, err));
      const late = sleep(ANSWER_LIMIT_MS, undefined, { signal: over.signal }).then(() => {
        refuse(publisher, new Error('what is published there does not come back: timed out'));
      });
      await Promise.race([heard, late]);
    } finally {
      proof = undefined;
      over.abort();
    }
    const role: unknown = await publisher.role().catch(() => undefined); // who may not ask is not told
    return Array.isArray(role) && role[0] === 'slave' ? ON_REPLICA : undefined;
  };

  const run = async () => {
    let retryMs = 100;
    while (!closing.signal.aborted) {
      wake = new AbortController();
      let restMs = PROBE_EVERY_MS;
      if (clients.every(({ status }) => status === 'ready')) {
        try {
          events.up(await prove());
          told.clear();
          retryMs = 100;
        } catch (err) {
          events.down(reason);
          restMs = retryMs;
          retryMs = Math.min(retryMs * 2, RETRY_MOST_MS);
          // A refusal is an answer, and a new connection gets the same one; who is silent may be gone.
          if (!(err instanceof ReplyError)) for (const client of clients) renew(client);
        }
      }
      const rest = deadline(Number.POSITIVE_INFINITY, wake.signal, closing.signal);
      await sleep(restMs, undefined, { signal: rest.signal }).catch(() => undefined);
      rest.done();
    }
  };
  void run();

  return {
    async send(seq) {
      await publisher.publish(topic, String(seq)).catch((err: Error) => {
        failed(publisher, err);
        events.down(reason);
        if (err instanceof ReplyError) wake.abort();
        else renew(publisher);
        throw err;
      });
    },
    async close() {
      closing.abort();
      for (const client of clients) client.disconnect();
    },
  };
}

/** Begins anew with who does not answer. One that connects already does so by itself. */
function renew(client: Redis): void {
  if (client.status === 'ready') client.disconnect(true);
}

function connect(url: string): Redis {
  const { protocol, pathname, username, password, searchParams } = new URL(url);
  if (protocol !== 'unix:') return new Redis(url, options);
  return new Redis({
    ...options,
    path: decodeURIComponent(pathname),
    db: Number(searchParams.get('db') ?? 0),
    ...(username ? { username: decodeURIComponent(username) } : {}),
    ...(password ? { password: decodeURIComponent(password) } : {}),
  });
}
