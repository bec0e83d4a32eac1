import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { until } from '../../support/until.js';

/** A request that stands still: before the engine got it, or with the engine's answer to it in hand. */
export interface Held {
  /** Waits until it came. */
  came: (limitMs?: number) => Promise<void>;
  /** Whether it came so far. */
  isHeld: () => boolean;
  /** Lets it go on; one that never came is not waited for any more. */
  release: () => void;
}

export interface EngineProxy {
  socket: string;
  /** Every kind of request since this was asked last. */
  kinds: () => string[];
  /** Requests that are under way, the endless one for events left out. */
  busy: () => number;
  /** Holds the n-th request of this kind from now on. */
  hold: (kind: string, when: 'before' | 'after', nth?: number) => Held;
  /** Ends the stream of events, as an engine does that is started anew, and waits until it is followed again. */
  cutEvents: () => Promise<void>;
  close: () => Promise<void>;
}

interface Order {
  /** How many are let by before. */
  left: number;
  kind: string;
  when: 'before' | 'after';
  came: boolean;
  go: Promise<void>;
}

const ENGINE = '/var/run/docker.sock';
const EVENTS = 'GET /events';

/** Container id → what it is, from the request that made it, which may have come through another proxy. */
const containers = new Map<string, string>();

/** Stands between a server and the Docker Engine, tells what is asked, and holds single requests. */
export async function anEngineProxy(socket: string): Promise<EngineProxy> {
  const kinds = new Set<string>();
  const orders: Order[] = [];
  const events = new Set<ServerResponse>();
  let busy = 0;

  async function pass(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = await read(incoming);
    const kind = kindOf(incoming, body);
    kinds.add(kind);
    const order = orders.find((one) => one.kind === kind && !one.came && one.left-- === 0);
    if (order) order.came = true;
    if (order?.when === 'before') await order.go;
    const { method, url: path, headers } = incoming;
    const onward = request({ socketPath: ENGINE, method, path, headers, agent: false });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    onward.on('response', (response) => void forward(response).catch(() => answer.destroy()));
    onward.end(body);

    async function forward(response: IncomingMessage): Promise<void> {
      response.on('error', () => answer.destroy());
      if (kind.startsWith('POST /containers/create')) {
        const told = await read(response);
        const { Id } = JSON.parse(told.toString('utf8')) as { Id?: string };
        if (Id) containers.set(Id, kind.split(' ').at(-1) ?? '');
        if (order?.when === 'after') await order.go;
        answer.writeHead(response.statusCode ?? 500, response.headers).end(told);
        return;
      }
      if (order?.when === 'after') await order.go;
      answer.writeHead(response.statusCode ?? 500, response.headers);
      answer.flushHeaders();
      if (kind === EVENTS) events.add(answer);
      response.pipe(answer);
    }
  }

  function kindOf({ method, url = '' }: IncomingMessage, body: Buffer): string {
    const path = url.replace(/\?.*/, '').replace(/^\/v[\d.]+(?=\/)/, '');
    const [, top = '', id = '', verb = ''] = path.split('/');
    if (path === '/containers/create') {
      const { Labels = {} } = JSON.parse(body.toString('utf8')) as { Labels?: Record<string, string> };
      const what = ['vm', 'golden', 'tool'].find((label) => Labels[`vapiorc.${label}`] !== undefined) ?? 'unknown';
      return `${method} /containers/create ${what}`;
    }
    if (top === 'containers' && id !== 'json')
      return `${method} /containers/{}/${verb} ${containers.get(id) ?? (/^vapiorc_([a-z]+)_/.exec(id)?.[1] || 'other')}`;
    if (['images', 'networks', 'volumes'].includes(top) && !['create', 'json'].includes(id) && id !== '')
      return `${method} /${top}/{}${path.slice(1).split('/').length > 2 ? '/json' : ''}`;
    return `${method} ${path}`;
  }

  const server = createServer((incoming, answer) => {
    const endless = /\/events/.test(incoming.url ?? '');
    if (!endless) busy++;
    answer.on('close', () => {
      events.delete(answer);
      if (!endless) busy--;
    });
    pass(incoming, answer).catch(() => answer.destroy());
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));

  return {
    socket,
    kinds: () => {
      const seen = [...kinds];
      kinds.clear();
      return seen;
    },
    busy: () => busy,
    hold(kind, when, nth = 1) {
      let go = () => {};
      const order: Order = {
        left: nth - 1,
        kind,
        when,
        came: false,
        go: new Promise<void>((resolve) => {
          go = resolve;
        }),
      };
      orders.push(order);
      return {
        came: async (limitMs = 15_000) => {
          await until(`${kind} is asked`, async () => order.came, limitMs);
        },
        isHeld: () => order.came,
        release: () => {
          order.came = true;
          go();
        },
      };
    },
    cutEvents: async () => {
      for (const answer of events) answer.destroy();
      events.clear();
      await until('events are followed again', async () => events.size > 0);
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function read(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
