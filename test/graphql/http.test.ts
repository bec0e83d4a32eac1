import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { serverAudits } from 'graphql-http';
import { createClient } from 'graphql-sse';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/domain/limits.js';
import { aVm } from '../support/rows.js';
import { until } from '../support/until.js';
import { startWorld, type World } from '../support/world.js';
import { ask, errorOf, read } from './support/ask.js';
import { fetchClient, socketClient, sseClient } from './support/clients.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

const post = (body: string | Blob, headers: Record<string, string>) =>
  fetch(world.graphqlUrl, { method: 'POST', headers, body });
const JSON_BODY = JSON.stringify({ query: '{ __typename }' });

describe('GraphQL over HTTP', () => {
  const audits = serverAudits({ url: () => world.graphqlUrl, fetchFn: fetch });
  test('there are 61 audits', () => expect(audits).toHaveLength(61));
  test.each(audits.map((audit) => [audit.id, audit.name, audit] as const))('%s %s', async (_id, _name, audit) => {
    expect(await audit.fn()).toMatchObject({ status: 'ok' });
  });

  test('answers curl', async () => {
    const answer = await post(JSON_BODY, { 'content-type': 'application/json', accept: '*/*' });
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(await answer.json()).toEqual({ data: { __typename: 'Query' } });
  });

  test('another path is not found', async () => {
    for (const path of ['/', '/x', '//']) expect((await fetch(`${world.graphqlUrl}${path}`)).status).toBe(404);
  });
});

describe('a page of another site', () => {
  const mutation = (to: string) => `mutation { assignVm(input: {assignedTo: "${to}"}) { __typename } }`;
  const body = JSON.stringify({ query: mutation('attacker') });

  test.each([
    ['a form', 'application/x-www-form-urlencoded', `query=${encodeURIComponent(mutation('attacker'))}`],
    ['a form with text', 'text/plain', body],
    [
      'a form with files',
      'multipart/form-data; boundary=x',
      `--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n${body}\r\n--x\r\nContent-Disposition: form-data; name="map"\r\n\r\n{}\r\n--x--\r\n`,
    ],
    ['JSON in disguise', 'text/plain; application/json', body],
    ['no type at all', '', body],
  ])('runs nothing by %s', async (_name, type, text) => {
    await aVm(world.db);
    const answer = await post(new Blob([text]), type ? { 'content-type': type } : {});
    expect(answer.status).toBe(415);
    expect(await world.db.assignment.count()).toBe(0);
  });

  test('runs no mutation by GET', async () => {
    const answer = await fetch(`${world.graphqlUrl}?query=${encodeURIComponent(mutation('attacker'))}`, {
      headers: { accept: 'application/json' },
    });
    expect(answer.status).toBe(405);
    expect(await world.db.assignment.count()).toBe(0);
  });

  test('is not allowed by preflight, nor to read answers', async () => {
    const origin = 'https://evil.example';
    const preflight = await fetch(world.graphqlUrl, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    });
    expect([...preflight.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    const answer = await fetch(`${world.graphqlUrl}?query={__typename}`, {
      headers: { origin, accept: 'application/json' },
    });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('what costs too much', () => {
  test('is refused before it runs, and says by how much', async () => {
    const deep = await errorOf(
      world,
      `{ vms(first: 1) { nodes { ${'goldenImage { vms(first: 1) { nodes { '.repeat(5)} id ${'} } }'.repeat(5)} } } }`,
    );
    expect(deep).toMatchObject({ message: expect.stringContaining('depth'), extensions: { code: 'QUERY_DEPTH' } });
    const wide = await errorOf(
      world,
      '{ goldenImages { nodes { vms { nodes { id status port novncUrl reason } } } } }',
    );
    expect(wide).toMatchObject({
      message: expect.stringContaining('complexity'),
      extensions: { code: 'QUERY_COMPLEXITY' },
    });
    const aliases = await errorOf(
      world,
      `{ ${Array.from({ length: 60 }, (_, n) => `h${n}: health { version }`).join(' ')} }`,
    );
    expect(aliases.extensions).toMatchObject({ code: 'QUERY_COMPLEXITY' });
    const tokens = await errorOf(world, `{ ${'__typename '.repeat(LIMITS.graphqlTokens.value)} }`);
    expect(tokens.message).toContain(`more than ${LIMITS.graphqlTokens.value} tokens`);
    expect(tokens.extensions).toMatchObject({ code: 'QUERY_SIZE', fix: expect.any(String) });
  });

  test('is measured by the variables of this call, not of the first with the same text', async () => {
    const query = 'query ($n: Int!) { goldenImages(first: $n) { nodes { vms(first: $n) { nodes { id status } } } } }';
    expect(await read(world, query, { n: 2 })).toBeDefined();
    expect((await errorOf(world, query, { n: 100 })).extensions).toMatchObject({ code: 'QUERY_COMPLEXITY' });
    expect(await read(world, query, { n: 2 })).toBeDefined();
  });

  test('is refused for subscriptions too, by WebSocket and by SSE', async () => {
    const query = `subscription { vmEvents(after: "0") { ${'kind '.repeat(1001)} } }`;
    for (const open of [socketClient, fetchClient]) {
      const client = open(world);
      const refused = await client
        .subscribe(query)
        .next()
        .then(
          (told) => JSON.stringify(told),
          (err: unknown) => JSON.stringify(err) + String(err),
        );
      expect(refused).toContain('breadth');
      await client.close();
    }
  });

  test('a body that is too large is refused, however it is sent', async () => {
    const body = JSON.stringify({ query: `{ __typename } # ${'x'.repeat(LIMITS.graphqlBodyBytes.value)}` });
    expect((await post(body, { 'content-type': 'application/json' })).status).toBe(413);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const chunked = request(world.graphqlUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      });
      chunked.on('response', (response) => resolve(response.resume().statusCode));
      chunked.on('error', reject);
      chunked.end(body);
    });
    expect(status).toBe(413);
  });

  test('several operations in one body are refused', async () => {
    expect((await post(`[${JSON_BODY},${JSON_BODY}]`, { 'content-type': 'application/json' })).status).toBe(400);
  });

  test('introspection stays possible', async () => {
    const { getIntrospectionQuery } = await import('graphql');
    const query = getIntrospectionQuery({
      descriptions: true,
      inputValueDeprecation: true,
      oneOf: true,
      schemaDescription: true,
      specifiedByUrl: true,
    });
    expect((await read(world, query)).__schema.types.length).toBeGreaterThan(50);
  });
});

describe('a client of another protocol is told in its own terms:', () => {
  const NOT_ACCEPTABLE = {
    errors: [
      {
        message: expect.any(String),
        extensions: { code: 'NOT_ACCEPTABLE', fix: expect.stringMatching(/text\/event-stream.*graphql-ws/) },
      },
    ],
  };

  test.each([
    ['of Apollo Client 3', 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0",application/json'],
    [
      'of Apollo Client 4',
      'multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9',
    ],
    ['that takes only JSON', 'application/json'],
    ['that takes only parts', 'multipart/mixed'],
  ])('a subscription by HTTP %s', async (_name, accept) => {
    const body = JSON.stringify({ query: 'subscription { vmEvents { kind } }' });
    const answer = await post(body, { 'content-type': 'application/json', accept });
    expect(answer.status).toBe(406);
    expect(answer.headers.get('content-type')).toContain('application/json');
    expect(await answer.json()).toEqual(NOT_ACCEPTABLE);
    expect(world.feed.subscribers).toBe(0);
  });

  test('a query that is to be answered in XML', async () => {
    const answer = await post(JSON_BODY, { 'content-type': 'application/json', accept: 'application/xml' });
    expect(answer.status).toBe(406);
    expect(await answer.json()).toEqual(NOT_ACCEPTABLE);
  });

  test.each(['multipart/mixed;deferSpec=20220824,application/json', 'multipart/mixed'])(
    '@defer, accepting %s',
    async (accept) => {
      const body = JSON.stringify({ query: '{ ... @defer { __typename } }' });
      const answer = await post(body, { 'content-type': 'application/json', accept });
      expect(await answer.text()).toContain('"message":"Unknown directive \\"@defer\\"."');
    },
  );

  test('files in the body of an operation', async () => {
    const form = new FormData();
    form.set('operations', '{"query":"mutation ($file: Upload!) { putFile(file: $file) { __typename } }"}');
    form.set('map', '{"0":["variables.file"]}');
    form.set('0', new Blob(['abc']), 'a.txt');
    const answer = await fetch(world.graphqlUrl, { method: 'POST', body: form });
    expect(answer.status).toBe(415);
    expect(await answer.json()).toMatchObject({
      errors: [{ extensions: { code: 'UNSUPPORTED_MEDIA_TYPE', fix: expect.stringContaining('putFile') } }],
    });
  });

  test('a mutation by GET', async () => {
    const answer = await fetch(`${world.graphqlUrl}?query=${encodeURIComponent('mutation { __typename }')}`, {
      headers: { accept: 'application/json' },
    });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
    expect(await answer.json()).toMatchObject({ errors: [{ message: expect.stringContaining('POST') }] });
  });

  test('graphql-sse with one connection for all', async () => {
    const client = createClient({ url: world.graphqlUrl, singleConnection: true, retryAttempts: 0 });
    const refused = await client
      .iterate({ query: '{ __typename }' })
      .next()
      .catch((err: unknown) => err);
    expect(refused).toMatchObject({ response: { status: 405 } });
    client.dispose();
  });

  test.each(['PUT', 'DELETE', 'PATCH'])('%s', async (method) => {
    const answer = await fetch(world.graphqlUrl, { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, POST']);
    expect(await answer.json()).toMatchObject({
      errors: [{ extensions: { code: 'METHOD_NOT_ALLOWED', fix: expect.stringContaining('singleConnection') } }],
    });
  });
});

describe('SSE', () => {
  test('takes a GET too, as a browser’s EventSource sends it', async () => {
    await world.write(async (_tx, tell) => tell({ kind: 'POOL_CHANGED' }));
    const leave = new AbortController();
    const query = encodeURIComponent('subscription { vmEvents(after: "0") { kind } }');
    const answer = await fetch(`${world.graphqlUrl}?query=${query}`, {
      headers: { accept: 'text/event-stream' },
      signal: leave.signal,
    });
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    let text = '';
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString();
      if (text.includes('\n\n:\n\n')) break; // the heartbeat after the event
    }
    expect(text).toContain('event: next\ndata: {"data":{"vmEvents":{"kind":"POOL_CHANGED"}}}\n\n');
    leave.abort();
    await until('the subscription to end', async () => world.feed.subscribers === 0);
  });

  test('a caller that does not read holds up only itself, and leaves nothing behind', async () => {
    const data = { pad: 'x'.repeat(200_000) };
    for (let n = 0; n < 100; n++) await world.write(async (_tx, tell) => tell({ kind: 'POOL_CHANGED', data }));
    const { hostname, port, host } = new URL(world.graphqlUrl);
    const body = JSON.stringify({ query: 'subscription { vmEvents(after: "0") { data } }' });
    const caller = connect(Number(port), hostname);
    caller.write(
      `POST /graphql HTTP/1.1\r\nHost: ${host}\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await once(caller, 'data');
    caller.pause();
    await until('the subscriber', async () => world.feed.subscribers === 1);
    expect(await read(world, '{ __typename }')).toBeDefined();
    caller.destroy();
    await until('the subscription to end', async () => world.feed.subscribers === 0);
  });
});

describe('a fault', () => {
  const SECRET = 'postgresql://user:secret@db/x failed at "Vm"';
  const failing = () => {
    world.engine.health = async () => {
      throw new Error(SECRET);
    };
  };
  const logged = (id: string) => world.log.filter((line) => line.faultId === id);

  test('reaches the caller as an id, and the log once with that id', async () => {
    failing();
    const { errors, data } = await ask(world, '{ health { version } }');
    const id = errors?.[0]?.extensions?.id as string;
    expect(data).toBeNull();
    expect(errors).toEqual([
      {
        message: `internal error, id ${id}`,
        path: ['health'],
        locations: expect.anything(),
        extensions: { code: 'INTERNAL_SERVER_ERROR', id },
      },
    ]);
    expect(logged(id)).toMatchObject([
      { level: 50, err: { message: SECRET, stack: expect.any(String) }, path: ['health'] },
    ]);
  });

  test('is masked over WebSocket and SSE too', async () => {
    failing();
    for (const open of [socketClient, fetchClient]) {
      const client = open(world);
      const told = JSON.stringify(await client.subscribe('{ health { version } }').next());
      expect(told).toContain('internal error, id');
      expect(told).not.toContain('secret');
      await client.close();
    }
  });

  test('of the database shows nothing of the database', async () => {
    const { id } = await aVm(world.db);
    await world.db.$executeRaw`ALTER TABLE "Vm" RENAME TO "Vm_away"`;
    try {
      for (const [query, variables] of [
        ['{ vms { nodes { id } } }', {}],
        ['query ($id: ID!) { node(id: $id) { id } }', { id: Buffer.from(`Vm:${randomUUID()}`).toString('base64') }],
        ['mutation ($id: ID!) { releaseVm(input: {id: $id}) { __typename } }', { id }],
      ] as const) {
        const { errors } = await ask(world, query, variables);
        expect(errors?.[0]?.message).toMatch(/^internal error, id [0-9a-f-]{36}$/);
        expect(JSON.stringify(errors)).not.toMatch(/prisma|relation|does not exist|Vm_away|invocation/i);
      }
    } finally {
      await world.db.$executeRaw`ALTER TABLE "Vm_away" RENAME TO "Vm"`;
    }
  });

  test('in the middle of a subscription ends it, masked and logged once', async () => {
    world.feed.failure = new Error(SECRET);
    try {
      for (const open of [socketClient, sseClient]) {
        const client = open(world);
        const events = client.subscribe('subscription { vmEvents(after: "0") { kind } }');
        const told = JSON.stringify(await events.next().catch((err: unknown) => err));
        const [, id = ''] = /internal error, id ([0-9a-f-]{36})/.exec(told) ?? [];
        expect(told).not.toContain('secret');
        expect(logged(id)).toMatchObject([{ err: { message: SECRET } }]);
        await client.close();
      }
    } finally {
      world.feed.failure = undefined;
    }
  });

  test('what the caller did wrong is not masked', async () => {
    expect((await errorOf(world, '{ nothing }')).message).toContain('Cannot query field "nothing"');
    expect((await errorOf(world, '{ vms(first: "x") { nodes { id } } }')).message).toContain('Int cannot represent');
    expect((await errorOf(world, '{')).message).toContain('Syntax Error');
    const answer = await fetch(`${world.graphqlUrl}?query={__typename}&variables=rubbish`, {
      headers: { accept: 'application/json' },
    });
    expect(answer.status).toBe(400);
  });
});
