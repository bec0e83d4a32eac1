import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { anImage } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';
import { call, expectProblem } from './support/call.js';

let world: World;
const api = (method: string, path: string) => call(world.url, method, `/api/vms/golden-images${path}`);

beforeAll(async () => {
  world = await startWorld({ VAPIORC_ISO_HOSTS: 'example.com' });
});
beforeEach(() => world.empty());
afterAll(() => world.close());

test('creating one answers as the prototype did', async () => {
  const { status, body } = await api('POST', '?vm_type=11');

  expect(status).toBe(200);
  expect(body).toEqual({
    golden_id: expect.any(String),
    status: 'creating',
    message: expect.stringContaining(body.golden_id),
  });
  expect(await world.db.goldenImage.findUnique({ where: { id: body.golden_id } })).toMatchObject({
    vmType: '11',
    version: 1,
    status: 'REQUESTED',
    ramMiB: 4096,
  });
});

test('the vm_type is 11 unless it is said', async () => {
  const { body } = await api('POST', '');

  expect(await world.db.goldenImage.findUnique({ where: { id: body.golden_id } })).toMatchObject({ vmType: '11' });
});

test('takes sizes and a medium', async () => {
  const { body } = await api(
    'POST',
    '?vm_type=10&name=Office+%26+f%C3%BC%C3%9Fe&cpu_cores=4&ram_mib=8192&disk_gib=100&language=German&iso_url=https://example.com/a.iso',
  );

  expect(await world.db.goldenImage.findUnique({ where: { id: body.golden_id } })).toMatchObject({
    vmType: '10',
    name: 'Office & füße',
    cpuCores: 4,
    ramMiB: 8192,
    diskGiB: 100,
    language: 'German',
    isoUrl: 'https://example.com/a.iso',
  });
});

test.each([
  ['ram_mib=100', 'ram_mib'],
  ['ram_mib=lots', 'ram_mib'],
  ['cpu_cores=0', 'cpu_cores'],
  ['cpu_cores=-1', 'cpu_cores'],
  ['disk_gib=1e3', 'disk_gib'],
  ['iso_url=file:///etc/passwd', 'iso_url'],
  ['iso_url=http://2130706433/w.iso', 'iso_url'],
  ['language=Klingon', 'language'],
  ['language=en%0AVERSION=xp', 'language'],
  ['name=', 'name'],
  ['name=a%0Ab', 'name'],
  ['vm_type=95', 'vm_type'],
])('refuses %s', async (query, field) => {
  expectProblem(await api('POST', `?${query}`), 422, 'INVALID_INPUT', { field, value: expect.any(String) });
  expect(await world.db.goldenImage.count()).toBe(0);
});

test('lists them with phase and progress, newest first, without those that are deleted', async () => {
  await anImage(world.db, { createdAt: new Date(1_700_000_000_000) });
  await anImage(world.db, { status: 'DELETED' });
  const installing = await anImage(world.db, {
    status: 'INSTALLING',
    phase: 'DOWNLOADING',
    progress: 0.5,
    message: 'Downloading Windows 11',
    endpoint: '20900',
  });

  const { status, body } = await api('GET', '');

  expect(status).toBe(200);
  expect(body.map((image: { status: string }) => image.status)).toEqual(['creating', 'ready']);
  expect(body[0]).toMatchObject({
    golden_id: installing.id,
    vm_type: '11',
    phase: 'DOWNLOADING',
    progress: 0.5,
    message: 'Downloading Windows 11',
    novnc_url: 'http://localhost:20900',
    ready_at: null,
  });
  expect(body[1]).toMatchObject({ current: true, version: 1, novnc_url: null });
});

test('says when one may be ready, by those before it, and why it stands still', async () => {
  const hour = 3_600_000;
  const now = Date.now();
  const ago = (ms: number) => new Date(now - ms);
  await anImage(world.db, { startedAt: ago(9 * hour), installedAt: ago(7 * hour), readyAt: ago(7 * hour) });
  const startedAt = ago(hour);
  await anImage(world.db, { status: 'INSTALLING', startedAt, progress: 0.9, stuck: 'nothing has moved' });
  await anImage(world.db, { vmType: '10', status: 'INSTALLING', startedAt });

  const { body } = await api('GET', '');

  const of = (vmType: string, status: string) =>
    body.find((image: { vm_type: string; status: string }) => image.vm_type === vmType && image.status === status);
  expect(of('11', 'creating')).toMatchObject({
    estimated_ready_at: new Date(startedAt.getTime() + 2 * hour).toISOString(),
    stuck: 'nothing has moved',
  });
  expect(of('11', 'ready')).toMatchObject({ estimated_ready_at: null, stuck: null });
  expect(of('10', 'creating').estimated_ready_at).toBeNull();
});

test('marking one ready by hand seals it; twice is fine', async () => {
  const image = await anImage(world.db, { status: 'INSTALLING' });

  for (const _ of ['once', 'again']) {
    const { status, body } = await api('POST', `/${image.id}/ready`);
    expect(status).toBe(200);
    expect(body).toEqual({ status: 'success', message: expect.stringContaining('marked as ready') });
  }
  expect(await world.db.goldenImage.findUnique({ where: { id: image.id } })).toMatchObject({ status: 'SEALING' });
});

test('marking ready what cannot be', async () => {
  const failed = await anImage(world.db, { status: 'FAILED' });

  expectProblem(await api('POST', `/${failed.id}/ready`), 409, 'CONFLICT');
  expectProblem(await api('POST', `/${randomUUID()}/ready`), 404, 'NOT_FOUND', { what: 'golden image' });
  expectProblem(await api('POST', '/none/ready'), 422, 'INVALID_INPUT');
});

test('a line that is named is made, and counts its own versions', async () => {
  await api('POST', '?vm_type=11');
  const { body } = await api('POST', '?vm_type=11&line=studio');

  const where = { id: body.golden_id };
  expect(await world.db.goldenImage.findUnique({ where, include: { line: true } })).toMatchObject({
    version: 1,
    line: { name: 'studio', vmType: '11' },
  });
  const { body: list } = await api('GET', '');
  expect(list.map(({ line, version }: { line: string; version: number }) => [line, version])).toEqual([
    ['studio', 1],
    ['11', 1],
  ]);
  expectProblem(await api('POST', '?vm_type=10&line=studio'), 422, 'INVALID_INPUT', { field: 'line' });
});
