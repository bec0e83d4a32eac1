import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { aStorage, type TestStorage } from '../storage/aStorage.js';
import { startWorld, type World } from '../support/world.js';
import { call, expectProblem } from './support/call.js';

let world: World;
let storage: TestStorage;

beforeAll(async () => {
  storage = await aStorage();
  world = await startWorld({}, { engine: { oemBundles: storage.storage.oemBundles } });
});
afterAll(async () => {
  await world.close();
  await storage.remove();
});

const put = (path: string, body: string, headers: Record<string, string> = {}) =>
  call(world.url, 'PUT', `/api/oem-bundles/${path}`, { body, headers });

test('a bundle is filled, read, used by an installation and deleted', async () => {
  expect((await put('office/files/10-run.cmd', 'echo\n')).body).toMatchObject({ path: '10-run.cmd', size: 5 });
  expect((await put('office/files/10-run.cmd', 'echo!\n')).status).toBe(200);
  expect((await put('office/files/data/setup.exe', 'x'.repeat(2_000_000))).status).toBe(201);

  const bundle = {
    bundle: 'office',
    size: 2_000_006,
    files: [
      { path: '10-run.cmd', size: 6, modified_at: expect.any(String) },
      { path: 'data/setup.exe', size: 2_000_000, modified_at: expect.any(String) },
    ],
  };
  expect((await call(world.url, 'GET', '/api/oem-bundles')).body).toEqual([bundle]);
  expect((await call(world.url, 'GET', '/api/oem-bundles/office')).body).toEqual(bundle);
  expect((await call(world.url, 'GET', '/api/oem-bundles/office/files/10-run.cmd')).body).toBe('echo!\n');

  const made = await call(world.url, 'POST', '/api/vms/golden-images?vm_type=11&oem_bundle=office');
  expect(made.status).toBe(200);
  expect(await world.db.goldenImage.findFirst({ select: { oemBundle: true } })).toEqual({ oemBundle: 'office' });
  const missing = await call(world.url, 'POST', '/api/vms/golden-images?vm_type=11&oem_bundle=none');
  expectProblem(missing, 404, 'NOT_FOUND', { what: 'OEM bundle' });

  expect((await call(world.url, 'DELETE', '/api/oem-bundles/office/files/10-run.cmd')).status).toBe(200);
  expectProblem(await call(world.url, 'DELETE', '/api/oem-bundles/office/files/10-run.cmd'), 404, 'NOT_FOUND');
  expect((await call(world.url, 'DELETE', '/api/oem-bundles/office')).status).toBe(200);
  expectProblem(await call(world.url, 'DELETE', '/api/oem-bundles/office'), 404, 'NOT_FOUND', { what: 'OEM bundle' });
  expectProblem(await call(world.url, 'GET', '/api/oem-bundles/office'), 404, 'NOT_FOUND');
});

test('names that Windows or the storage would not take are refused', async () => {
  for (const name of ['Office', '-x', 'a%2Fb', 'x'.repeat(65)])
    expectProblem(await put(`${name}/files/x`, 'x'), 422, 'INVALID_INPUT', { field: 'bundle' });
  for (const path of ['con.cmd', 'a%3Ab', 'x.', 'a//b', 'a%2Fb', '%FF'])
    expectProblem(await put(`office/files/${path}`, 'x'), 422, 'INVALID_INPUT', { field: 'path' });
  await put('office/files/Run.cmd', 'x');
  expectProblem(await put('office/files/run.CMD', 'x'), 409, 'CONFLICT');
});

test('a file that FAT32 does not take is refused before it is sent', async () => {
  const socket = connect(Number(new URL(world.url).port), '127.0.0.1');
  const head = `PUT /api/oem-bundles/office/files/big HTTP/1.1\r\nHost: x\r\nContent-Length: ${4 * 1024 ** 3}\r\n\r\n`;
  socket.write(head);
  const [answer] = (await once(socket.setEncoding('utf8'), 'data')) as [string];
  socket.destroy();

  expect(answer).toMatch(/^HTTP\/1.1 422 /);
  expect((await put('office/files/small', 'x')).status).toBe(201);
});
