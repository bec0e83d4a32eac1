import { createRedisEventTarget } from '@graphql-yoga/redis-event-target';
import { Redis, type RedisOptions } from 'ioredis';
import type { Transport, TransportEvents } from './bus.js';

const RETRY_MOST_MS = 5_000;
/** A command that takes longer means that nobody is there. */
const ANSWER_LIMIT_MS = 5_000;
/** How long a connection may be dead before it is noticed: a subscriber only waits, and TCP tells it nothing. */
const PROBE_EVERY_MS = 15_000;

/** For both connections. They reconnect for ever; what can't be sent now fails now, so nothing piles up meanwhile. */
const options: RedisOptions = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResubscribe: false, // we do, to know when it is done
  autoResendUnfulfilledCommands: false,
  connectTimeout: ANSWER_LIMIT_MS,
  commandTimeout: ANSWER_LIMIT_MS,
  retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 10), RETRY_MOST_MS) * (0.5 + Math.random() / 2),
};

/** Hints by Redis pub/sub, through Yoga's event target. A connection that subscribes can't publish: there are two. */
export function openRedis(url: string, channel: string, events: TransportEvents): Transport {
  const publisher = connect(url);
  const subscriber = connect(url);
  const clients = [publisher, subscriber];
  const topic = `${channel}:hints`;
  let listening = false;
  let reason = 'the connection was closed';
  let sent: Promise<unknown> = Promise.resolve();

  const check = () => {
    if (listening && publisher.status === 'ready') events.up();
  };
  /** Only the message: the error of a refused AUTH carries the password. */
  const failed = (err: Error) => {
    reason = err.message;
  };
  const listen = async () => {
    await subscriber.subscribe(topic);
    listening = true;
    check();
  };

  for (const client of clients) {
    client.on('error', failed);
    client.on('close', () => {
      if (client === subscriber) listening = false;
      events.down(reason);
    });
  }
  publisher.on('ready', check);
  subscriber.on('ready', () => {
    listen().catch((err: Error) => {
      failed(err);
      subscriber.disconnect(true);
    });
  });

  // The target neither awaits nor catches what it asks of its clients, so it gets clients that never reject.
  const target = createRedisEventTarget({
    publishClient: {
      publish: (to: string, message: string) => {
        sent = publisher.publish(to, message);
        sent.catch(() => undefined);
        return sent;
      },
    } as unknown as Redis,
    subscribeClient: {
      on: subscriber.on.bind(subscriber),
      subscribe: () => undefined, // at each 'ready'
      unsubscribe: () => undefined,
    } as unknown as Redis,
    serializer: { stringify: String, parse: (text) => text }, // JSON knows no bigint, and would throw at a stranger's message
  });
  target.addEventListener(topic, ((event: CustomEvent<unknown>) => {
    if (typeof event.detail === 'string' && /^\d{1,19}$/.test(event.detail)) events.hint(BigInt(event.detail));
  }) as Parameters<typeof target.addEventListener>[1]);

  const probe = setInterval(() => {
    for (const client of clients.filter(({ status }) => status === 'ready')) {
      client.ping().catch((err: Error) => {
        failed(err);
        client.disconnect(true);
      });
    }
  }, PROBE_EVERY_MS).unref();

  return {
    async send(seq) {
      target.dispatchEvent(new CustomEvent(topic, { detail: seq }));
      await sent.catch((err: Error) => {
        failed(err);
        if (publisher.status === 'ready') publisher.disconnect(true); // it does not answer: begin anew
        throw err;
      });
    },
    async close() {
      clearInterval(probe);
      for (const client of clients) client.disconnect();
    },
  };
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
