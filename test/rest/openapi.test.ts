import { afterAll, beforeAll, expect, test } from 'vitest';
import { LIMITS } from '../../src/domain/limits.js';
import { VERSION } from '../../src/version.js';
import { aFieldName } from '../support/aFieldName.js';
import { startWorld, type World } from '../support/world.js';
import { call } from './support/call.js';

interface Operation {
  operationId?: string;
  summary?: string;
  parameters?: { name: string; in: string; required?: boolean; schema?: { type?: string; default?: unknown } }[];
  responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
}

interface Document {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, unknown>>;
}

let world: World;
let document: Document;

beforeAll(async () => {
  world = await startWorld();
  document = (await call(world.url, 'GET', '/openapi.json')).body;
});
afterAll(() => world.close());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

test('is OpenAPI 3.1 of this version', () => {
  expect(document.openapi).toBe('3.1.0');
  expect(document.info).toMatchObject({ title: 'vapiorc', version: VERSION });
});

test('names every route of the API, the prototype’s among them', () => {
  expect(
    operations()
      .map(({ path, method }) => `${method.toUpperCase()} ${path}`)
      .sort(),
  ).toEqual([
    'DELETE /api/oem-bundles/{bundle}',
    'DELETE /api/oem-bundles/{bundle}/files/{path}',
    'DELETE /api/vms/instances/{instance_id}',
    'DELETE /api/vms/instances/{instance_id}/files/{path}',
    'GET /api/commands/{command_id}',
    'GET /api/oem-bundles',
    'GET /api/oem-bundles/{bundle}',
    'GET /api/oem-bundles/{bundle}/files/{path}',
    'GET /api/vms/events',
    'GET /api/vms/golden-images',
    'GET /api/vms/golden-images/{golden_id}/screenshot',
    'GET /api/vms/instances',
    'GET /api/vms/instances/{instance_id}',
    'GET /api/vms/instances/{instance_id}/commands',
    'GET /api/vms/instances/{instance_id}/files/{path}',
    'GET /api/vms/instances/{instance_id}/screenshot',
    'GET /health',
    'GET /webhook/status/{vm_type}',
    'POST /api/commands/{command_id}/cancel',
    'POST /api/vms/assign',
    'POST /api/vms/golden-images',
    'POST /api/vms/golden-images/{golden_id}/click',
    'POST /api/vms/golden-images/{golden_id}/keys',
    'POST /api/vms/golden-images/{golden_id}/ready',
    'POST /api/vms/hot-spares/ensure',
    'POST /api/vms/instances',
    'POST /api/vms/instances/{instance_id}/click',
    'POST /api/vms/instances/{instance_id}/commands',
    'POST /api/vms/instances/{instance_id}/keys',
    'POST /api/vms/instances/{instance_id}/release',
    'POST /webhook/ready/{vm_type}',
    'PUT /api/oem-bundles/{bundle}/files/{path}',
    'PUT /api/vms/instances/{instance_id}/files/{path}',
  ]);
});

test('every reference leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map((match) => match[1] ?? '');

  expect(references.length).toBeGreaterThan(10);
  for (const reference of references) {
    const target = reference
      .replace(/^#\//, '')
      .split('/')
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
    expect(target, reference).toBeTypeOf('object');
  }
});

test('every operation is described, with its parameters and answers', () => {
  for (const { path, method, operation } of operations()) {
    const where = `${method} ${path}`;
    expect(operation.summary, where).toBeTruthy();
    expect(Object.keys(operation.responses), where).toContain('200');
    for (const { description, content } of Object.values(operation.responses)) {
      expect(description, where).toBeTruthy();
      for (const { schema } of Object.values(content ?? {}))
        expect(Object.keys(schema).length, where).toBeGreaterThan(0);
    }
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const parameters = operation.parameters ?? [];
    expect(
      parameters.filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name),
      where,
    ).toEqual(inPath);
    for (const parameter of parameters) {
      expect(parameter.schema?.type, `${where} ${parameter.name}`).toMatch(/^(string|integer)$/);
      if (parameter.in === 'path') expect(parameter.required, where).toBe(true);
    }
  }
});

test('says which parameters must be given and what the others default to', () => {
  const parameters = document.paths['/api/vms/assign']?.post?.parameters ?? [];

  expect(parameters.map(({ name, required = false }) => [name, required])).toEqual([
    ['assigned_to', true],
    ['pool', false],
    ['vm_type', false],
    ['idempotency_key', false],
    ['lease_seconds', false],
    ['wait_seconds', false],
  ]);
  expect(parameters[1]).toMatchObject({ description: expect.stringContaining('default pool of the vm_type') });
  expect(parameters[2]).toMatchObject({ description: expect.stringContaining('or `11`') });
  expect(parameters[4]?.schema).toMatchObject({ minimum: 1, maximum: 30 * 86_400 });
});

test('calls fields by their names here, whatever a text says of them', async () => {
  const texts = [...JSON.stringify(document).matchAll(/"(?:description|summary)":"((?:[^"\\]|\\.)*)"/g)].map(
    (match) => match[1] ?? '',
  );
  const named = await aFieldName();

  expect(texts.length).toBeGreaterThan(100);
  expect(texts.filter((text) => named.test(text))).toEqual([]);
});

test.each([
  [
    'POST',
    '/api/vms/assign?assigned_to=x&vm_type=2022',
    409,
    'there is no golden image of vm_type "2022", ready or being installed',
  ],
  [
    'POST',
    '/api/vms/golden-images?line=11&vm_type=2022',
    422,
    'It is the name of a vm_type, which 2022 is not: give another.',
  ],
])('%s %s is refused in words that name fields as they are called here', async (method, path, status, words) => {
  const answer = await call(world.url, method, path);

  expect(answer.status).toBe(status);
  expect(answer.body.detail).toContain(words);
  expect(answer.body.detail).not.toMatch(await aFieldName());
});

test('no route takes a parameter that the database can not', async () => {
  for (const { path, method, operation } of operations()) {
    const url = path.replaceAll(/\{\w*(path|bundle)\}/g, 'x').replaceAll(/\{\w+\}/g, crypto.randomUUID());
    for (const { name } of (operation.parameters ?? []).filter(
      (one) => one.in === 'query' && path.startsWith('/api/'),
    )) {
      for (const text of ['x%00', 'x%0Ay', 'x'.repeat(LIMITS.argumentCharacters.value + 1)]) {
        const answer = await call(world.url, method.toUpperCase(), `${url}?${name}=${text}`);
        expect([method, path, name, answer.status]).toEqual([
          method,
          path,
          name,
          expect.toSatisfy((status) => status >= 400 && status < 500),
        ]);
        expect(JSON.stringify(answer.body).length).toBeLessThan(2_000);
      }
    }
  }
});

test('no refusal is longer than people read, whatever was given', async () => {
  const long = 'x'.repeat(6_000);
  const vm = `/api/vms/instances/${crypto.randomUUID()}`;
  const json = { 'content-type': 'application/json' };
  for (const [method, path, init] of [
    ['GET', `/api/vms/events?${long}=1`, {}],
    ['GET', `/api/vms/events?kinds=${long}`, {}],
    ['GET', `/api/vms/instances/${long}`, {}],
    ['GET', `/${long}`, {}],
    ['POST', `/api/vms/assign?assigned_to=${long}`, {}],
    ['POST', `${vm}/commands`, { headers: json, body: JSON.stringify({ command: 'x', [long]: 1 }) }],
    ['POST', `${vm}/commands`, { headers: json, body: JSON.stringify({ command: [long] }) }],
    [
      'POST',
      `${vm}/commands`,
      {
        headers: json,
        body: JSON.stringify(Object.fromEntries(Array.from({ length: 4_000 }, (_, n) => [`key${n}`, 1]))),
      },
    ],
    ['POST', `${vm}/commands`, { headers: { 'content-type': `text/${long}` }, body: 'x' }],
    ['PUT', `${vm}/files/${long}`, { body: 'x' }],
    ['POST', '/guest/v1/ready', { headers: { authorization: `Bearer ${long}` }, body: long }],
    ['POST', '/webhook/ready/11', { headers: { 'mac-address': long } }],
    ['GET', `/webhook/status/${long}`, {}],
  ] as const) {
    const answer = await call(world.url, method, path, init);
    expect([path.slice(0, 60), answer.status]).toEqual([
      path.slice(0, 60),
      expect.toSatisfy((status) => status >= 400 && status < 500),
    ]);
    expect(JSON.stringify(answer.body).length).toBeLessThan(3 * LIMITS.errorCharacters.value);
  }
});
