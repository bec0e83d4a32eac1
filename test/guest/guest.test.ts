import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { guestToken } from '../../src/db/deployment.js';
import type { ImageStatus } from '../../src/domain/image.js';
import { LIMITS } from '../../src/domain/limits.js';
import type { VmStatus } from '../../src/domain/vm.js';
import { call } from '../rest/support/call.js';
import { anImage, aVm } from '../support/rows.js';
import { stopClock } from '../support/stopClock.js';
import { startWorld, type World } from '../support/world.js';

let world: World;
let probing: World;

const report = (machineId: string, body: BodyInit, { url, deployment } = world) =>
  call(url, 'POST', '/guest/v1/ready', {
    body,
    headers: { authorization: `Bearer ${guestToken(deployment, machineId)}` },
  });

beforeAll(async () => {
  [world, probing] = await Promise.all([startWorld(), startWorld({ VAPIORC_READINESS: 'rdp' })]);
});
beforeEach(() => world.empty());
afterAll(async () => {
  await Promise.all([world.close(), probing.close()]);
});

const vmStatus = async (id: string) => (await world.db.vm.findUniqueOrThrow({ where: { id } })).status;
const imageStatus = async (id: string) => (await world.db.goldenImage.findUniqueOrThrow({ where: { id } })).status;

test('a VM that says it is ready is READY, with what it says of itself', async () => {
  const vm = await aVm(world.db, { status: 'BOOTING' });

  const answer = await report(vm.id, 'phase=ready\r\nwindows=Windows%2011\r\ncomputer=PC1\r\n');

  expect(answer).toMatchObject({ status: 200, body: 'do=ok\n' });
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
  expect(await vmStatus(vm.id)).toBe('READY');
  expect(await world.db.event.findFirst({ where: { kind: 'VM_READY' } })).toMatchObject({
    actor: 'guest',
    vmId: vm.id,
    data: { windows: 'Windows 11', computer: 'PC1' },
  });
});

test.each<[VmStatus, string, number, VmStatus]>([
  ['REQUESTED', 'ready', 200, 'READY'],
  ['BOOTING', 'installed', 200, 'BOOTING'],
  ['READY', 'ready', 200, 'READY'],
  ['ASSIGNED', 'ready', 200, 'ASSIGNED'],
  ['RELEASING', 'ready', 410, 'RELEASING'],
  ['RELEASING', 'installed', 410, 'RELEASING'],
  ['FAILED', 'ready', 410, 'FAILED'],
  ['DESTROYED', 'ready', 410, 'DESTROYED'],
])('a VM that is %s and says %s: %i, then it is %s', async (status, phase, expected, then) => {
  const vm = await aVm(world.db, { status });

  expect((await report(vm.id, `phase=${phase}`)).status).toBe(expected);
  expect(await vmStatus(vm.id)).toBe(then);
});

test.each<[ImageStatus, string, number, ImageStatus]>([
  ['REQUESTED', 'installed', 200, 'SEALING'],
  ['INSTALLING', 'installed', 200, 'SEALING'],
  ['INSTALLING', 'ready', 200, 'INSTALLING'],
  ['SEALING', 'installed', 200, 'SEALING'],
  ['READY', 'installed', 200, 'READY'],
  ['RETIRED', 'installed', 410, 'RETIRED'],
  ['FAILED', 'installed', 410, 'FAILED'],
  ['DELETED', 'ready', 410, 'DELETED'],
])('a golden image that is %s and says %s: %i, then it is %s', async (status, phase, expected, then) => {
  const image = await anImage(world.db, { status });

  expect((await report(image.id, `phase=${phase}`)).status).toBe(expected);
  expect(await imageStatus(image.id)).toBe(then);
});

test('where a probe decides, the word of a VM counts for nothing', async () => {
  const vm = await aVm(probing.db, { status: 'BOOTING' });

  expect((await report(vm.id, 'phase=ready', probing)).status).toBe(200);
  expect((await probing.db.vm.findUniqueOrThrow({ where: { id: vm.id } })).status).toBe('BOOTING');
});

test('a machine that the database does not know any more is over', async () => {
  expect((await report(randomUUID(), 'phase=ready')).status).toBe(410);
});

describe('a token that is not ours', () => {
  test.each([
    ['none', undefined],
    ['an empty one', 'Bearer '],
    ['nonsense', 'Bearer nonsense'],
    ['a dot', 'Bearer .'],
    ['another scheme', 'Basic eDp5'],
    ['a very long one', `Bearer ${'x'.repeat(8000)}`],
  ])('%s: 401', async (_, authorization) => {
    const answer = await call(world.url, 'POST', '/guest/v1/ready', {
      body: 'phase=ready',
      ...(authorization && { headers: { authorization } }),
    });

    expect(answer.status).toBe(401);
    expect(answer.body).toBe('unknown token\n');
  });

  test("another machine's signature, another deployment's, or a changed one: 401", async () => {
    const vm = await aVm(world.db, { status: 'BOOTING' });
    const ours = guestToken(world.deployment, vm.id);
    const forged = [
      `${vm.id}.${guestToken(world.deployment, randomUUID()).split('.')[1]}`,
      guestToken(probing.deployment, vm.id),
      `${ours}x`,
      ours.slice(0, -1),
      ours.toUpperCase(),
    ];
    for (const token of forged) {
      const headers = { authorization: `Bearer ${token}` };
      expect((await call(world.url, 'POST', '/guest/v1/ready', { body: 'phase=ready', headers })).status).toBe(401);
    }
    expect(await vmStatus(vm.id)).toBe('BOOTING');
  });
});

describe('a report that is no good', () => {
  test('names the line and sends nothing of it back', async () => {
    const vm = await aVm(world.db, { status: 'BOOTING' });

    const answer = await report(vm.id, 'phase=ready\n<script>alert(1)</script>');

    expect(answer).toMatchObject({ status: 400, body: 'line 2: give key=value\n' });
    expect(await vmStatus(vm.id)).toBe('BOOTING');
  });

  test('bytes that are no text', async () => {
    const vm = await aVm(world.db, { status: 'BOOTING' });

    expect(
      (
        await report(
          vm.id,
          new Uint8Array(1000).map((_, n) => n % 256),
        )
      ).status,
    ).toBe(400);
  });

  test('too long, with its length said or not', async () => {
    const vm = await aVm(world.db, { status: 'BOOTING' });
    const long = `phase=ready\n${'#=x\n'.repeat(5000)}`;
    const headers = { authorization: `Bearer ${guestToken(world.deployment, vm.id)}` };

    expect((await report(vm.id, long)).status).toBe(413);
    const streamed = await call(world.url, 'POST', '/guest/v1/ready', {
      body: new Blob([long]).stream(),
      duplex: 'half',
      headers,
    } as RequestInit);
    expect(streamed.status).toBe(413);
    expect(await vmStatus(vm.id)).toBe('BOOTING');
  });
});

test('more than fifty reports a second from one machine are too many; others are not affected', async () => {
  const [loud, quiet] = [await aVm(world.db), await aVm(world.db)];
  stopClock();

  const answers = await Promise.all(
    Array.from({ length: LIMITS.guestCallsPerSecond.value + 30 }, () => report(loud.id, 'phase=ready')),
  );

  const refused = answers.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(30);
  expect(refused[0]?.headers.get('retry-after')).toBe('1');
  expect((await report(quiet.id, 'phase=ready')).status).toBe(200);
});

test('a token is not looked at beyond its length', async () => {
  const vm = await aVm(world.db, { status: 'BOOTING' });
  const authorization = `Bearer ${guestToken(world.deployment, vm.id).padEnd(LIMITS.guestTokenCharacters.value + 1, 'x')}`;
  expect((await fetch(`${world.url}/guest/v1/ready`, { method: 'POST', headers: { authorization } })).status).toBe(401);
});

test('a token never gets into the log', async () => {
  const vm = await aVm(world.db, { status: 'BOOTING' });
  await report(vm.id, 'phase=ready');
  await report(vm.id, 'phase=nonsense');

  expect(JSON.stringify(world.log)).not.toContain(guestToken(world.deployment, vm.id).split('.')[1]);
});
