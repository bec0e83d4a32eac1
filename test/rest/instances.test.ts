import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CapacityExhausted, Unavailable } from '../../src/domain/errors.js';
import { anImage, aPool, aVm } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';
import { call, expectProblem } from './support/call.js';

let world: World;
const api = (method: string, path: string) => call(world.url, method, `/api/vms${path}`);

beforeAll(async () => {
  world = await startWorld({ VAPIORC_PUBLIC_HOST: 'vms.example.org' });
});
beforeEach(async () => {
  await world.empty();
  delete world.engine.admit;
});
afterAll(() => world.close());

describe('GET /api/vms/instances', () => {
  test('lists every living VM with the fields and words of the prototype', async () => {
    const vms = [];
    for (const status of ['REQUESTED', 'BOOTING', 'READY', 'ASSIGNED', 'RELEASING', 'FAILED'] as const) {
      vms.push(await aVm(world.db, { status, createdAt: new Date(1_700_000_000_000 + vms.length * 1000) }));
    }

    const { status, body } = await api('GET', '/instances');

    expect(status).toBe(200);
    expect(body.map((vm: { status: string }) => vm.status)).toEqual([
      'starting',
      'starting',
      'ready',
      'busy',
      'stopping',
      'failed',
    ]);
    const busy = vms[3];
    expect(body[3]).toEqual({
      instance_id: busy?.id,
      container_id: `container-of-${busy?.id}`,
      vm_type: '11',
      pool: '11',
      status: 'busy',
      port: Number(busy?.endpoint),
      is_hot_spare: false,
      assigned_to: 'somebody',
      created_at: '2023-11-14T22:13:23.000Z',
    });
    expect(body[0]).toMatchObject({ container_id: null, port: null, is_hot_spare: true, assigned_to: null });
  });

  test('leaves out what is destroyed or cleaned up', async () => {
    await aVm(world.db, { status: 'DESTROYED' });
    await aVm(world.db, { status: 'FAILED', cleanedAt: new Date(), endpoint: null });

    expect((await api('GET', '/instances')).body).toEqual([]);
  });
});

describe('GET /api/vms/instances/{id}', () => {
  test('shows a VM with its addresses', async () => {
    const vm = await aVm(world.db);

    const { status, body } = await api('GET', `/instances/${vm.id.toUpperCase()}`);

    expect(status).toBe(200);
    expect(body).toMatchObject({
      instance_id: vm.id,
      golden_id: vm.goldenImageId,
      status: 'ready',
      novnc_url: `http://vms.example.org:${vm.endpoint}`,
      rdp_port: Number(vm.endpoint) + 1000,
      reason: null,
    });
  });

  test('says why a VM failed, also after it was cleaned up', async () => {
    const vm = await aVm(world.db, {
      status: 'FAILED',
      cleanedAt: new Date(),
      endpoint: null,
      reason: 'its container vanished',
    });

    expect((await api('GET', `/instances/${vm.id}`)).body).toMatchObject({
      status: 'failed',
      reason: 'its container vanished',
      novnc_url: null,
      rdp_port: null,
    });
  });

  test('does not know one that is destroyed, that never was, or that is no id', async () => {
    const vm = await aVm(world.db, { status: 'DESTROYED' });

    expectProblem(await api('GET', `/instances/${vm.id}`), 404, 'NOT_FOUND', { what: 'VM' });
    expectProblem(await api('GET', `/instances/${randomUUID()}`), 404, 'NOT_FOUND');
    expectProblem(await api('GET', '/instances/nonsense'), 422, 'INVALID_INPUT', {
      field: 'instance_id',
      value: 'nonsense',
    });
  });
});

describe('POST /api/vms/instances', () => {
  test('creates a VM outside the pool; win11 and 11 are the same', async () => {
    await anImage(world.db);
    for (const query of ['', '?vm_type=11', '?vm_type=Windows%2011']) {
      const { status, body } = await api('POST', `/instances${query}`);

      expect(status).toBe(200);
      expect(body).toEqual({ instance_id: expect.any(String), status: 'creating' });
      expect(await world.db.vm.findUnique({ where: { id: body.instance_id } })).toMatchObject({
        vmType: '11',
        hotSpare: false,
      });
    }
  });

  test('without a golden image says how to make one', async () => {
    const answer = await api('POST', '/instances?vm_type=10');

    expectProblem(answer, 409, 'NO_GOLDEN_IMAGE', { vm_type: '10' });
    expect(answer.body.fix).toContain('POST /api/vms/golden-images?vm_type=10');
  });

  test.each(['95', '', 'win', '__proto__', '%00', '%F0%9F%AA%9F', '11\'; DROP TABLE "Vm"--'])(
    'refuses vm_type %j',
    async (vmType) => {
      expectProblem(await api('POST', `/instances?vm_type=${vmType}`), 422, 'INVALID_INPUT', { field: 'vm_type' });
    },
  );

  test('a parameter that comes twice is refused', async () => {
    expectProblem(await api('POST', '/instances?vm_type=11&vm_type=10'), 422, 'INVALID_INPUT', {
      field: 'vm_type',
      value: '11, 10',
    });
  });

  test('is refused when the pool is full', async () => {
    await aVm(world.db);
    await world.db.pool.update({ where: { name: '11' }, data: { maxVms: 1, hotSpares: 1 } });

    expectProblem(await api('POST', '/instances?vm_type=11'), 409, 'CONFLICT');
  });

  test.each([
    [new CapacityExhausted('memory', '2048 MiB are free, 4096 are needed', 'Release a VM.'), { resource: 'memory' }],
    [new Unavailable('kvm', '/dev/kvm is missing', 'Set VAPIORC_KVM=off.'), { part: 'kvm' }],
  ])('is refused when the host cannot: %s', async (refusal, facts) => {
    await anImage(world.db);
    world.engine.admit = async () => refusal;

    expectProblem(await api('POST', '/instances'), 503, refusal.code, facts);
  });
});

describe('POST /api/vms/instances/{id}/release and DELETE /api/vms/instances/{id}', () => {
  const ways = [
    ['POST', '/release', 'released'],
    ['DELETE', '', 'destroyed'],
  ] as const;

  test.each(ways)('%s %s lets a VM go, once', async (method, suffix, reason) => {
    const vm = await aVm(world.db, { status: 'ASSIGNED' });

    for (const _ of ['once', 'again']) {
      const { status, body } = await api(method, `/instances/${vm.id}${suffix}`);
      expect(status).toBe(200);
      expect(body).toEqual({ status: 'success', message: expect.any(String) });
    }
    expect(await world.db.vm.findUnique({ where: { id: vm.id } })).toMatchObject({ status: 'RELEASING', reason });
    expect(await world.db.event.count({ where: { kind: 'VM_RELEASING' } })).toBe(1);
  });

  test.each(ways)('%s %s of what is not there', async (method, suffix) => {
    expectProblem(await api(method, `/instances/${randomUUID()}${suffix}`), 404, 'NOT_FOUND', { what: 'VM' });
    expectProblem(await api(method, `/instances/x%2Fy${suffix}`), 422, 'INVALID_INPUT', {
      field: 'instance_id',
      value: 'x/y',
    });
  });
});

describe('POST /api/vms/hot-spares/ensure', () => {
  test('wakes every pool, or one', async () => {
    const resting = { failures: 3, retryAt: new Date(Date.now() + 600_000) };
    await aPool(world.db, resting);
    await aPool(world.db, { vmType: '10', ...resting });

    expect((await api('POST', '/hot-spares/ensure?vm_type=win10')).body.status).toBe('success');
    expect(await world.db.pool.count({ where: { retryAt: null } })).toBe(1);
    expect((await api('POST', '/hot-spares/ensure')).body).toEqual({
      status: 'success',
      message: expect.stringContaining('2 pools'),
    });
    expect(await world.db.pool.count({ where: { retryAt: null } })).toBe(2);
  });

  test('without a pool', async () => {
    expect((await api('POST', '/hot-spares/ensure')).status).toBe(200);
    expectProblem(await api('POST', '/hot-spares/ensure?vm_type=11'), 404, 'NOT_FOUND', { what: 'pool' });
  });
});
