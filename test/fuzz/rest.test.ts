import { afterAll, beforeAll, expect, test } from 'vitest';
import { guestToken } from '../../src/db/deployment.js';
import { aRunningServer, type RunningServer } from './support/aRunningServer.js';
import { ANSWER_MS, type Draw, fuzz } from './support/fuzz.js';

interface Schema {
  properties?: Record<string, Schema>;
  enum?: unknown[];
  type?: string;
}
interface Operation {
  parameters?: { name: string; in: string; required?: boolean }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}

let server: RunningServer;
let routes: { path: string; method: string; operation: Operation }[];
beforeAll(async () => {
  server = await aRunningServer();
  const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, Operation>>;
  };
  routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
});
afterAll(() => server.close());

/** Sends a request, and reads the beginning of the answer: a stream has no end. */
async function expectNoFault(path: string, init: RequestInit): Promise<void> {
  const leave = new AbortController();
  const late = setTimeout(() => leave.abort(new Error(`no answer: ${init.method} ${path}`)), ANSWER_MS);
  try {
    const response = await fetch(`${server.url}${path}`, { ...init, signal: leave.signal });
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
    const text = isStream ? '' : await response.text();
    const isAway = response.status === 503 && /"code":"(UNAVAILABLE|NO_VM_IN_TIME|CAPACITY_EXHAUSTED)"/.test(text);
    expect([init.method, path, isAway || response.status < 500, text.slice(0, 500)]).toEqual([
      init.method,
      path,
      true,
      expect.not.stringContaining('FAULT'),
    ]);
  } finally {
    clearTimeout(late);
    leave.abort();
  }
}

/** In a URL, as bytes that may be no UTF-8. */
function encoded(draw: Draw, text: string): string {
  if (draw.below(20) === 0) return draw.pick(['%', '%FF', '%00', '%zz', '..', '%2e%2e%2f', '//']);
  return encodeURIComponent(text.toWellFormed());
}

const headerText = (draw: Draw) => draw.text().replace(/[^\x20-\x7e]/g, '');

const RIGHT: Readonly<Record<string, string>> = { vm_type: '11', assigned_to: 'somebody', wait_seconds: '0' };

function parameter(draw: Draw, name: string): string {
  // How long to wait is left at what can be waited for.
  if (name === 'wait_seconds') return draw.pick(['0', '1', '-1', '3601', 'x', '', '99999999999']);
  if (RIGHT[name] !== undefined && draw.below(4) > 0) return RIGHT[name];
  return draw.flip() ? draw.pick(server.ids) : draw.flip() ? draw.text() : String(draw.number());
}

function body(draw: Draw, schema: Schema): unknown {
  if (draw.below(15) === 0) return draw.anything();
  const given: Record<string, unknown> = {};
  for (const [name, of] of Object.entries(schema.properties ?? {})) {
    if (draw.below(3) === 0) continue;
    if (draw.below(10) === 0) given[name] = draw.anything();
    else if (of.enum) given[name] = draw.pick(of.enum);
    else if (of.type === 'integer' || of.type === 'number') given[name] = draw.number();
    else if (of.type === 'boolean') given[name] = draw.flip();
    else given[name] = draw.text();
    if (name === 'wait_seconds') given[name] = draw.pick([0, -1, 3_601, 1.5]);
  }
  return given;
}

test('no route of the OpenAPI document faults', async () => {
  await fuzz(12, async (draw) => {
    const { path, method, operation } = draw.pick(routes);
    const names = (where: string) =>
      (operation.parameters ?? []).filter((one) => one.in === where).map(({ name }) => name);
    const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
      name.endsWith('id') && draw.below(4) > 0 ? draw.pick(server.ids.slice(0, 5)) : encoded(draw, draw.text()),
    );
    const query = names('query')
      .filter(() => draw.below(3) > 0)
      .map((name) => `${name}=${encoded(draw, parameter(draw, name))}`);
    const schema = operation.requestBody?.content['application/json']?.schema;
    const headers: Record<string, string> = {};
    for (const name of names('header')) if (draw.flip()) headers[name] = headerText(draw);
    if (schema) headers['content-type'] = 'application/json';
    const content = schema ? JSON.stringify(body(draw, schema)) : draw.bytes(50);
    await expectNoFault(`${filled}${query.length > 0 ? '?' : ''}${query.join('&')}`, {
      method,
      headers,
      ...(method !== 'GET' && { body: content ?? 'null' }),
    });
  });
  await server.expectUnharmed();
}, 600_000);

const KEYS = [
  'phase',
  'session',
  'clock',
  'agent',
  'windows',
  'build',
  'computer',
  'guid',
  'user',
  'ip',
  'codepage',
  'step',
  'reason',
  'wait',
  'running',
  'id',
  'state',
  'exit',
  'stdout',
  'stderr',
  'via',
  'stdout.text',
  'stderr.text',
  'progress',
  'message',
  'x',
];
const VALUES = [
  'ready',
  'installed',
  'failed',
  'exited',
  'timeout',
  'lost',
  'share',
  'here',
  'abc',
  '0',
  '1',
  '2147483648',
  '-2147483649',
  '999999999999999',
  '9999-12-31T23:59:59Z',
  '0000-01-01T00:00:00Z',
  '2026-11-23T15:37:26.123456789Z',
  '10.0.26100',
  '99999',
];

test('no call of a guest faults, whatever it says', async () => {
  await fuzz(12, async (draw) => {
    const machine = draw.pick(server.ids.slice(0, 5));
    const token = draw.below(8) === 0 ? headerText(draw) : guestToken(server.deployment, machine);
    const lines = draw.many(8, () => {
      const key = draw.below(10) === 0 ? draw.text() : draw.pick(KEYS);
      if (key === 'wait') return `wait=${draw.pick(['0', '-1', 'x', '', '00'])}`;
      const value = draw.below(3) > 0 ? draw.pick([...VALUES, ...server.ids]) : draw.text();
      return `${key}=${draw.below(8) === 0 ? value : encoded(draw, value)}`;
    });
    const text = `${lines.join(draw.pick(['\n', '\r\n', '\r']))}\n${draw.below(10) === 0 ? '' : 'session=abc\nwait=0\n'}`;
    const call = draw.pick(['ready', 'progress', 'next', 'result', 'result', 'x', encoded(draw, draw.text())]);
    await expectNoFault(`/guest/v1/${call}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: draw.below(10) === 0 ? draw.bytes(200) : text,
    });
    await expectNoFault(`/webhook/${draw.pick(['ready', 'status'])}/${encoded(draw, draw.text())}`, {
      method: draw.pick(['GET', 'POST']),
      headers: { 'mac-address': draw.pick(['02:00:00:00:00:01', headerText(draw)]) },
    });
  });
  await server.expectUnharmed();
}, 600_000);
