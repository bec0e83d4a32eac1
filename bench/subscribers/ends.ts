import { setTimeout as sleep } from 'node:timers/promises';
import type { Kit } from '../kit.js';
import { startChild } from './child.js';
import type { FromBroadcaster, FromListener, Moment, ToBroadcaster, ToListener } from './messages.js';

/** How long what was sent may take to arrive before it counts as lost. */
const ARRIVAL_LIMIT_MS = 15_000;

/** Subscribers at one end and, where it is not vapiorc, the sender at the other. */
export interface Ends {
  send?: (seq: string, text: string, to: number | 'all') => void;
  /** Milliseconds from sending to each receipt. @throws Error  when an event did not reach `each` subscribers exactly. */
  latencies(sent: ReadonlyMap<string, number> | undefined, each: number): Promise<number[]>;
  /** How many subscribers have received something so far. */
  reached(): Promise<number>;
  stop(): Promise<void>;
}

/** Subscribers of vapiorc, one connection each. */
export async function followers(
  kit: Kit,
  url: string,
  query: string,
  variables: Record<string, unknown>[],
): Promise<Ends> {
  const listener = startChild<ToListener, FromListener>(kit, './listener.ts');
  await listener.ask({ do: 'follow', url, query, variables });
  const tell = () => told(listener.ask({ do: 'tell' }));
  return {
    latencies: async (sent = new Map(), each) => await tellingAll(tell, sent, each),
    reached: async () => (await tell()).reached,
    stop: listener.stop,
  };
}

/** A bare server and as many bare sockets. */
export async function bareSockets(kit: Kit, count: number): Promise<Ends> {
  const broadcaster = startChild<ToBroadcaster | { do: 'port' }, FromBroadcaster>(kit, './broadcaster.ts');
  const there = await broadcaster.ask({ do: 'port' });
  if (!('port' in there)) throw new Error('the broadcaster did not name its port');
  const listener = startChild<ToListener, FromListener>(kit, './listener.ts');
  await listener.ask({ do: 'listen', url: `ws://127.0.0.1:${there.port}`, count });
  const tell = () => told(listener.ask({ do: 'tell' }));
  return {
    send: (seq, text, to) => broadcaster.tell({ do: 'send', seq, text, to }),
    async latencies(_sent, each) {
      const answer = await broadcaster.ask({ do: 'tell' });
      if (!('moments' in answer)) throw new Error('the broadcaster did not say what it sent');
      return tellingAll(tell, new Map(answer.moments), each);
    },
    reached: async () => (await tell()).reached,
    stop: async () => {
      await Promise.all([listener.stop(), broadcaster.stop()]);
    },
  };
}

async function told(answer: Promise<FromListener>): Promise<{ moments: Moment[]; reached: number }> {
  const given = await answer;
  if (!('moments' in given)) throw new Error('the listener did not say what it received');
  return given;
}

async function tellingAll(
  tell: () => Promise<{ moments: Moment[] }>,
  sent: ReadonlyMap<string, number>,
  each: number,
): Promise<number[]> {
  const received: Moment[] = [];
  for (const end = Date.now() + ARRIVAL_LIMIT_MS; received.length < sent.size * each && Date.now() < end; ) {
    await sleep(500);
    // The server's own events are not ours to time.
    received.push(...(await tell()).moments.filter(([seq]) => sent.has(seq)));
  }
  const counts = new Map<string, number>();
  for (const [seq] of received) counts.set(seq, (counts.get(seq) ?? 0) + 1);
  for (const seq of sent.keys()) {
    if (counts.get(seq) !== each)
      throw new Error(`event ${seq} reached ${counts.get(seq) ?? 0} subscribers, not ${each}`);
  }
  return received.map(([seq, atMs]) => atMs - (sent.get(seq) as number));
}
