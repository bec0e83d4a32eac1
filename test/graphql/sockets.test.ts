import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import WebSocket from 'ws';
import { LIMITS } from '../../src/domain/limits.js';
import { UnderWay } from '../../src/http/underWay.js';
import { anImage } from '../support/rows.js';
import { until } from '../support/until.js';
import { startWorld, type World } from '../support/world.js';
import { read } from './support/ask.js';
import { fetchClient } from './support/clients.js';

let world: World;
/** The core's own count of what callers have under way. */
let underWay: UnderWay;
beforeAll(async () => {
  world = await startWorld({ VAPIORC_PUBLIC_HOST: 'vm.example', VAPIORC_LOG_LEVEL: 'debug' });
  const begun = vi.spyOn(UnderWay.prototype, 'begin');
  await read(world, '{ __typename }');
  underWay = begun.mock.contexts[0] as UnderWay;
  begun.mockRestore();
});
afterAll(() => world.close());

const PROTOCOL = 'graphql-transport-ws';
const INIT = JSON.stringify({ type: 'connection_init' });
const subscribe = (id: string, query: string) => JSON.stringify({ id, type: 'subscribe', payload: { query } });

/** A socket that was greeted, with what came in since. */
async function greeted(
  options: WebSocket.ClientOptions = {},
): Promise<{ socket: WebSocket; messages: { id?: string; type: string; payload?: unknown }[] }> {
  const socket = new WebSocket(world.socketUrl, PROTOCOL, options);
  const messages: { id?: string; type: string; payload?: unknown }[] = [];
  socket.on('message', (data) => messages.push(JSON.parse((data as Buffer).toString())));
  await once(socket, 'open');
  socket.send(INIT);
  await until('the greeting', async () => messages.length === 1);
  expect(messages.pop()).toEqual({ type: 'connection_ack' });
  return { socket, messages };
}

/** The HTTP status with which a connection is refused, or 101. */
function upgradeStatus(url: string, origin?: string): Promise<number | undefined> {
  const socket = new WebSocket(url, PROTOCOL, { ...(origin !== undefined && { origin }) });
  return new Promise((resolve, reject) => {
    socket.on('unexpected-response', (_req, res) => resolve(res.statusCode));
    socket.on('open', () => {
      socket.close();
      resolve(101);
    });
    socket.on('error', reject);
  });
}

const PAD = Buffer.alloc(125);

describe('who may connect', () => {
  test('programs and our own pages, not pages of other sites', async () => {
    const { host } = new URL(world.socketUrl);
    expect(await upgradeStatus(world.socketUrl)).toBe(101);
    expect(await upgradeStatus(world.socketUrl, `http://${host}`)).toBe(101);
    expect(await upgradeStatus(world.socketUrl, 'https://vm.example')).toBe(101); // the public name, behind TLS
    expect(await upgradeStatus(world.socketUrl, 'https://vm.example:8443')).toBe(101); // on whatever port
    expect(await upgradeStatus(world.socketUrl, 'vscode-webview://x')).toBe(101);
    for (const origin of [
      'https://evil.example',
      'http://127.0.0.1:1',
      'http://vm.example:8001',
      `http://${host}.evil.example`,
      'null',
      'rubbish',
    ]) {
      expect(await upgradeStatus(world.socketUrl, origin)).toBe(403);
    }
  });

  test('only at our path', async () => {
    expect(await upgradeStatus(`${world.socketUrl}?a=b`)).toBe(101);
    expect(await upgradeStatus(`${world.socketUrl}/x`)).toBe(404);
  });

  test('only with the protocol that we speak', async () => {
    const [code] = await once(new WebSocket(world.socketUrl), 'close');
    expect(code).toBe(4406);
    const [, answer] = await once(new WebSocket(world.socketUrl, ['mqtt', 'wamp']), 'unexpected-response');
    expect(answer.statusCode).toBe(400);
    expect(JSON.parse(String((await answer.toArray())[0]))).toMatchObject({
      errors: [
        {
          message: expect.stringContaining('subprotocols'),
          extensions: { code: 'SUBPROTOCOL_NOT_SUPPORTED', fix: expect.stringContaining(PROTOCOL) },
        },
      ],
    });
  });

  test('and one that speaks the old protocol too gets the new one', async () => {
    const socket = new WebSocket(world.socketUrl, ['graphql-ws', PROTOCOL]);
    await once(socket, 'open');
    expect(socket.protocol).toBe(PROTOCOL);
    socket.close();
  });

  test('but the old one is told so in its own terms', async () => {
    const socket = new WebSocket(world.socketUrl, 'graphql-ws');
    const messages: unknown[] = [];
    socket.on('message', (data) => messages.push(JSON.parse((data as Buffer).toString())));
    socket.on('open', () => {
      socket.send(INIT);
      socket.send('{"id":"1","type":"start","payload":{"query":"subscription { vmEvents { kind } }"}}');
    });
    const [code] = await once(socket, 'close');
    expect(messages).toEqual([
      {
        type: 'connection_error',
        payload: {
          message: expect.stringContaining(PROTOCOL),
          code: 'SUBPROTOCOL_NOT_SUPPORTED',
          fix: expect.any(String),
        },
      },
    ]);
    expect(code).toBe(4406);
    expect(world.feed.subscribers).toBe(0);
  });

  test('and one that does not go then is cut off', async () => {
    const { hostname, port, host } = new URL(world.socketUrl);
    const socket = connect(Number(port), hostname);
    socket.write(
      `GET /graphql HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: graphql-ws\r\n\r\n`,
    );
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
    });
    await once(socket, 'close');
    expect(text).toContain('"type":"connection_error"');
  });
});

describe('what a socket can do', () => {
  test('queries, mutations and mistakes are answered; the socket lives on', async () => {
    const { socket, messages } = await greeted();
    socket.send(subscribe('1', '{ pools { id } }'));
    socket.send(subscribe('2', '{'));
    socket.send(subscribe('3', '{ nothing }'));
    socket.send(subscribe('4', 'mutation { assignVm(input: {assignedTo: "a"}) { __typename } }'));
    await until('all answers', async () => messages.length === 6);
    const of = (id: string) => messages.filter((message) => message.id === id);
    expect(of('1')).toMatchObject([{ type: 'next', payload: { data: { pools: [] } } }, { type: 'complete' }]);
    expect(of('2')).toMatchObject([{ type: 'error', payload: [{ message: expect.stringContaining('Syntax Error') }] }]);
    expect(of('3')).toMatchObject([{ type: 'error', payload: [{ message: expect.stringContaining('nothing') }] }]);
    expect(of('4')).toMatchObject([
      { type: 'next', payload: { data: { assignVm: { __typename: 'NoGoldenImage' } } } },
      { type: 'complete' },
    ]);
    socket.close();
  });

  test('100 operations at a time, not more', async () => {
    expect(LIMITS.operationsPerSocket.value).toBe(100);
    const { socket, messages } = await greeted();
    for (let n = 1; n <= 101; n++) socket.send(subscribe(`${n}`, 'subscription { vmEvents { kind } }'));
    await until('the refusal', async () => messages.length > 0);
    expect(messages).toMatchObject([
      { id: '101', type: 'error', payload: [{ extensions: { code: 'TOO_MANY_OPERATIONS' } }] },
    ]);
    await until('100 subscribers', async () => world.feed.subscribers === 100);
    socket.send(JSON.stringify({ id: '1', type: 'complete' }));
    await until('99 subscribers', async () => world.feed.subscribers === 99);
    socket.terminate();
    await until('no subscriber', async () => world.feed.subscribers === 0);
  });

  test('no more than its address may have under way, over all its sockets, each place given back once', async () => {
    const { operations } = underWay;
    const most = LIMITS.operationsPerAddress.value;
    const elsewhere = Array.from({ length: most - 2 }, () => operations.take('127.0.0.1'));
    const { socket, messages } = await greeted();
    const live = 'subscription { vmEvents { kind } }';
    const ended = () => messages.filter(({ type }) => type !== 'next').length;
    for (const query of ['{', '{ nothing }', '{ pools { id } }', 'query A { __typename } query B { __typename }']) {
      const before = ended();
      socket.send(subscribe(randomUUID(), query));
      await until('it has ended', async () => ended() > before);
    }
    expect(JSON.stringify(messages)).not.toContain('TOO_MANY');
    socket.send(subscribe('first', live));
    socket.send(subscribe('second', live));
    await until('two subscribers', async () => world.feed.subscribers === 2);
    socket.send(subscribe('third', live));
    await until('the refusal', async () => messages.some(({ id }) => id === 'third'));
    expect(messages.at(-1)).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: 'TOO_MANY_OPERATIONS' } }],
    });
    socket.terminate();
    await until('no subscriber', async () => world.feed.subscribers === 0);
    for (const free of elsewhere) free?.();
    const all = Array.from({ length: most }, () => operations.take('127.0.0.1'));
    expect(all.filter((free) => free !== undefined)).toHaveLength(most);
    expect(operations.take('127.0.0.1')).toBeUndefined();
    expect(operations.take('127.0.0.2')).toBeDefined();
    for (const free of all) free?.();
  });

  test('is refused where its address has as many sockets as it may', async () => {
    const { sockets } = underWay;
    const taken = Array.from({ length: LIMITS.webSocketsPerAddress.value - 1 }, () => sockets.take('127.0.0.1'));
    await until('those of other tests are closed', async () => {
      const free = sockets.take('127.0.0.1');
      free?.();
      return free !== undefined;
    });
    const { socket } = await greeted();
    expect(await upgradeStatus(world.socketUrl)).toBe(429);
    socket.close();
    await once(socket, 'close');
    await until('there is room', async () => (await upgradeStatus(world.socketUrl)) === 101);
    for (const free of taken) free?.();
  });

  test('send messages of a bounded size', async () => {
    const { socket } = await greeted();
    socket.on('error', () => {});
    socket.send(subscribe('1', `{ __typename } # ${'x'.repeat(LIMITS.graphqlBodyBytes.value)}`));
    expect((await once(socket, 'close'))[0]).toBe(1009);
  });

  test.each([
    [
      'answers',
      (socket: WebSocket) => {
        const types = /__schema \{[\s\S]*?\n {6}\}\n/.exec(getIntrospectionQuery())?.[0];
        const query = getIntrospectionQuery().replace('__schema', `a: ${types} b: __schema`);
        for (let n = 0; n < 100; n++) socket.send(subscribe(`${n}`, query));
      },
    ],
    [
      'pongs',
      (socket: WebSocket) => {
        for (let n = 0; n < 200_000; n++) socket.ping(PAD);
      },
    ],
    [
      'messages',
      (socket: WebSocket) => {
        const ping = JSON.stringify({ type: 'ping', payload: { pad: 'x'.repeat(100_000) } });
        for (let sent = 0; sent < 3 * LIMITS.socketBufferedBytes.value; sent += ping.length) socket.send(ping);
      },
    ],
  ])('a caller that asks for %s and does not read them is cut off', async (_what, ask) => {
    const { socket } = await greeted();
    socket.on('error', () => {});
    socket.pause();
    const before = world.log.length;
    ask(socket);
    await until(
      'the cut',
      async () => world.log.slice(before).some((line) => String(line.msg).includes('does not read')),
      60_000,
    );
    socket.terminate();
  });

  test('bytes that are not the protocol close the socket, not the server', async () => {
    for (const rubbish of [
      'rubbish',
      '{}',
      '{"type":"subscribe"}',
      '{"type":"subscribe","id":"1","payload":{"query":"{a}"}}',
    ]) {
      const socket = new WebSocket(world.socketUrl, PROTOCOL);
      await once(socket, 'open');
      socket.send(rubbish);
      expect((await once(socket, 'close'))[0]).toBeGreaterThanOrEqual(4400);
    }
    const { hostname, port } = new URL(world.graphqlUrl);
    const raw = connect(Number(port), hostname);
    raw.write('GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    raw.on('error', () => {});
    raw.resume();
    await once(raw, 'close');
    const { socket } = await greeted();
    socket.close();
  });
});

describe('a message that no client may send', () => {
  test.each([
    ['of a kind that servers send', '{"id":"1","type":"next","payload":{}}'],
    ['that greets', '{"type":"connection_ack"}'],
    ['that refuses', '{"id":"1","type":"error","payload":[{"message":"no"}]}'],
    ['of no kind', '{"id":"1","type":"__proto__"}'],
    ['that is no JSON', '{'],
    ['in bytes', Buffer.from(INIT)],
  ])('%s closes the socket with 4400, at the first one', async (_what, message) => {
    const before = world.log.length;
    const { socket } = await greeted();
    for (let n = 0; n < 50; n++) socket.send(message);
    socket.send(subscribe('1', '{ __typename }'));
    const answers: unknown[] = [];
    socket.on('message', (answer) => answers.push(answer));
    expect((await once(socket, 'close'))[0]).toBe(4400);
    expect(answers).toEqual([]);
    const logged = world.log.slice(before);
    expect(logged.filter(({ level }) => Number(level) > 20)).toEqual([]);
    expect(logged.length).toBeLessThan(2);
  });
});

describe('when the server goes', () => {
  test('sockets are closed with 1001, streams complete and waiting callers are answered', async () => {
    await anImage(world.db);
    expect(world.feed.subscribers).toBe(0);
    const waiting = fetch(world.graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        query:
          'mutation { assignVm(input: {assignedTo: "a", waitSeconds: 3000}) { ... on AssignVmPayload { assignment { status } } } }',
      }),
    });
    await until('the caller to wait', async () => world.feed.subscribers === 1 && world.feed.head > 0n);
    const { socket } = await greeted();
    socket.send(subscribe('1', 'subscription { vmEvents { kind } }'));
    const stream = fetchClient(world).subscribe('subscription { vmEvents { kind } }').next().catch(String);
    await until('all three to wait', async () => world.feed.subscribers === 3);

    const closed = once(socket, 'close');
    await world.end('graphql');

    expect((await closed)[0]).toBe(1001);
    expect(await stream).toContain('over');
    expect(await (await waiting).json()).toEqual({ data: { assignVm: { assignment: { status: 'QUEUED' } } } });
    expect(world.feed.subscribers).toBe(0);
  });
});
