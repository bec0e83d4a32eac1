import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { clock, type FromListener, type Moment, type ToListener } from './messages.js';

/** Many subscribers in one process: notes when each has an event in its hands. */

/** How many connections are opened at a time. */
const AT_ONCE = 50;

type Received = { vmEvents: { cursor: string } };

let moments: Moment[] = [];
const reached = new Set<number>();

function take(subscriber: number, event: Received): void {
  moments.push([event.vmEvents.cursor, clock()]);
  reached.add(subscriber);
}

/** Resolves when the connection is there and the subscription was sent. */
function follow(url: string, query: string, variables: Record<string, unknown>, subscriber: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const client = createClient({
      url,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      on: { connected: () => resolve() },
    });
    client.subscribe<Received>(
      { query, variables },
      {
        next: ({ data, errors }) => {
          if (data == null) fail(new Error(`refused: ${JSON.stringify(errors)}`));
          else take(subscriber, data);
        },
        error: (err) => {
          reject(err);
          fail(err);
        },
        complete: () => {},
      },
    );
  });
}

function listen(url: string, subscriber: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.once('open', resolve);
    socket.once('error', reject);
    socket.on('message', (text) => take(subscriber, JSON.parse(String(text)).payload.data));
  });
}

async function open(count: number, one: (n: number) => Promise<void>): Promise<void> {
  for (let first = 0; first < count; first += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - first) }, (_, n) => one(first + n)));
  }
}

async function answer(question: ToListener): Promise<FromListener> {
  if (question.do === 'tell') {
    const told = moments;
    moments = [];
    return { moments: told, reached: reached.size };
  }
  const { url } = question;
  if (question.do === 'listen') await open(question.count, (n) => listen(url, n));
  else await open(question.variables.length, (n) => follow(url, question.query, question.variables[n] ?? {}, n));
  return { open: true };
}

function fail(err: unknown): void {
  console.error(err);
  process.exit(1);
}

process.on('message', (question: ToListener) => {
  answer(question).then((told) => process.send?.(told), fail);
});
process.on('disconnect', () => process.exit());
