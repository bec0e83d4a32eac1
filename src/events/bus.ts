import type { Logger } from '../log.js';
import { openNotify } from './notifyBus.js';
import { openRedis } from './redisBus.js';
import type { Transport, TransportEvents } from './transport.js';

export interface BusHealth {
  status: 'OK' | 'DEGRADED' | 'DOWN';
  message: string;
}

/**
 * Wakes whoever waits for events, here and in every other server. A hint is never a record: it may come late, twice or
 * not at all, and whoever gets it reads the rows. Lose every one and the system is slower, not wrong.
 */
export interface Bus {
  /** Tells everybody that events up to `seq` are committed. Returns at once and never throws. */
  publish(seq: bigint): void;
  /** Calls `onHint` for each hint, and after every outage with the last seq known. Returns the function that ends it. */
  subscribe(onHint: (seq: bigint) => void): () => void;
  /** DOWN while no hints pass; the message says why, and the fix where it is known. */
  health(): BusHealth;
  /** Ends the connections; later hints are dropped. */
  close(): Promise<void>;
}

export interface BusOptions {
  databaseUrl: string;
  /** Redis carries the hints when this is given, else Postgres does. */
  redisUrl?: string | undefined;
  /** Servers of one database share it. Redis keeps no databases apart in its channels: two of them on one Redis need two names. */
  channel?: string;
  log: Logger;
}

/** Opens the bus, without waiting for the connection: a server works without one. */
export function openBus({ databaseUrl, redisUrl, channel = 'vapiorc', log }: BusOptions): Bus {
  return redisUrl === undefined
    ? createBus('Postgres NOTIFY', (events) => openNotify(databaseUrl, channel, events), log)
    : createBus('Redis', (events) => openRedis(redisUrl, channel, events), log);
}

function createBus(name: string, open: (events: TransportEvents) => Transport, log: Logger): Bus {
  const subscribers = new Set<(seq: bigint) => void>();
  let known = 0n; // the highest seq heard of
  let ours = 0n; // the highest seq published here: its echo is no news
  let waiting: bigint | undefined; // the highest seq that nobody else was told
  let sending = false;
  let closed = false;
  let outage: string | undefined = 'not connected yet';
  let flaw: string | undefined;
  let told = false; // whether the outage is in the log

  const deliver = (seq: bigint) => {
    for (const onHint of subscribers) {
      try {
        onHint(seq);
      } catch (err) {
        log.error({ err }, 'a subscriber of the bus failed');
      }
    }
  };

  /** One at a time; what is published meanwhile adds up to one more. What could not be sent waits for `up`. */
  const flush = async () => {
    if (sending) return;
    sending = true;
    while (waiting !== undefined && outage === undefined && !closed) {
      const seq = waiting;
      waiting = undefined;
      try {
        await transport.send(seq);
      } catch (err) {
        waiting ??= seq; // a newer one says it all
        log.debug({ err: (err as Error).message, bus: name }, 'hint not sent');
        break;
      }
    }
    sending = false;
  };

  const transport = open({
    hint(seq) {
      if (seq > known) known = seq;
      if (seq > ours) deliver(seq);
    },
    up(found) {
      if (closed) return;
      if (found !== undefined && found !== flaw)
        log.warn({ bus: name, flaw: found }, 'bus works, but not as it should');
      flaw = found;
      if (outage === undefined) return;
      if (told) log.info({ bus: name }, 'bus is back');
      outage = undefined;
      told = false;
      deliver(known); // hints may have been missed
      void flush();
    },
    down(reason) {
      if (closed) return;
      outage = reason;
      if (!told) log.warn({ bus: name, reason }, 'bus is away; events are found by polling until it is back');
      told = true;
    },
  });

  return {
    publish(seq) {
      if (closed || seq <= ours) return;
      ours = seq;
      if (seq > known) known = seq;
      waiting = seq;
      queueMicrotask(() => {
        if (!closed) deliver(ours); // this server needs no connection to hear of its own events
      });
      void flush();
    },
    subscribe(onHint) {
      const own = (seq: bigint) => onHint(seq); // the same function may subscribe twice
      subscribers.add(own);
      return () => subscribers.delete(own);
    },
    health() {
      if (outage !== undefined)
        return {
          status: 'DOWN',
          message: `${name}: ${outage.replace(/\.$/, '')}; meanwhile events are found by polling`,
        };
      if (flaw !== undefined) return { status: 'DEGRADED', message: `${name} carries the hints, but ${flaw}` };
      return { status: 'OK', message: `${name} carries the hints` };
    },
    async close() {
      closed = true;
      subscribers.clear();
      await transport.close();
    },
  };
}
