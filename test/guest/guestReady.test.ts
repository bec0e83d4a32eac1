import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { vmStep } from '../../src/domain/vm.js';
import { reportVmReady } from '../../src/transitions/reportGuest.js';
import { Agent } from '../rest/support/agent.js';
import { anImage, aPool, aVm } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';

let world: World;
let probing: World;
beforeAll(async () => {
  [world, probing] = await Promise.all([startWorld(), startWorld({ VAPIORC_READINESS: 'rdp' })]);
});
beforeEach(() => world.empty());
afterAll(async () => {
  await Promise.all([world.close(), probing.close()]);
});

const vmOf = (id: string, { db } = world) => db.vm.findUniqueOrThrow({ where: { id } });
const guestOf = (machineId: string, { db } = world) => db.guest.findUnique({ where: { machineId } });
const eventsOf = (vmId: string) => world.db.event.findMany({ where: { vmId }, orderBy: { seq: 'asc' } });
const clock = (offSeconds: number) => new Date(Date.now() + offSeconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
const booting = async () => {
  const vm = await aVm(world.db, { status: 'BOOTING' });
  return { vm, agent: new Agent(world, vm.id) };
};

test('what a guest says of itself is kept, and counts its starts', async () => {
  const { vm, agent } = await booting();
  const facts = {
    agent: '1',
    windows: 'Windows 11 Pro',
    build: '10.0.26100',
    computer: 'PC1',
    guid: '1f2e',
    user: 'Docker',
    ip: '172.30.0.2',
    codepage: 850,
    clock: clock(20),
  };

  expect((await agent.ready(facts)).lines).toEqual({ do: 'ok' });
  await agent.ready(facts);
  const first = await guestOf(vm.id);
  await agent.restart();

  expect(first).toMatchObject({
    session: expect.stringMatching(/^\w+$/),
    sessions: 1,
    agent: '1',
    windows: 'Windows 11 Pro',
    build: '10.0.26100',
    computer: 'PC1',
    machineGuid: '1f2e',
    userName: 'Docker',
    ip: '172.30.0.2',
    codePage: 850,
  });
  expect(first?.clockSkewMs).toBeGreaterThan(1_000);
  expect(first?.clockSkewMs).toBeLessThanOrEqual(20_000);
  expect(await guestOf(vm.id)).toMatchObject({ session: agent.session, sessions: 2, computer: null });
  expect((await eventsOf(vm.id)).map(({ kind, data }) => [kind, data])).toEqual([
    [
      'VM_READY',
      { bootMs: expect.any(Number), windows: 'Windows 11 Pro', computer: 'PC1', ip: '172.30.0.2', build: '10.0.26100' },
    ],
  ]);
});

test('what decides something and is not understood is not known', async () => {
  const { vm, agent } = await booting();
  await agent.ready({ build: '10.0.26100 beta', codepage: 'oem', ip: 'fe80::1', computer: '  ' });

  expect(await guestOf(vm.id)).toMatchObject({ build: null, codePage: null, ip: null, computer: null });
  expect((await vmOf(vm.id)).status).toBe('READY');
});

test.each([
  ['clock=yesterday', 'line 3'],
  ['clock=2026-13-45T99:99:99Z', 'clock'],
  ['session2=x\nclock=2026-11-23 15:37:26', 'line 4'],
  [`session=${'x'.repeat(65)}`, 'line 3'],
  ['session=a%20b', 'line 3'],
])('%s: refused', async (lines, where) => {
  const { vm, agent } = await booting();
  const answer = await agent.call('ready', `phase=ready\nwindows=x\n${lines}`);

  expect(answer).toMatchObject({ status: 400, text: expect.stringContaining(where) });
  expect((await vmOf(vm.id)).status).toBe('BOOTING');
});

describe('a clock', () => {
  test.each([
    [-764, /^its clock is 76[345] s behind; it was told to set it$/],
    [86_400 * 365, /^its clock is 3153\d+ s ahead/],
  ])('that is %i s off keeps the VM from being READY, once told, until it is right', async (off, reason) => {
    const { vm, agent } = await booting();

    const before = Date.now();
    const { lines } = await agent.ready({ clock: clock(off) });
    await agent.ready({ clock: clock(off - 3) });

    expect(lines.do).toBe('sync');
    // By the database's clock, which is this machine's to some ms.
    expect(Number(lines.time)).toBeGreaterThanOrEqual(before - 50);
    expect(Number(lines.time)).toBeLessThanOrEqual(Date.now() + 50);
    expect(await vmOf(vm.id)).toMatchObject({ status: 'BOOTING', notReady: expect.stringMatching(reason) });
    expect((await eventsOf(vm.id)).map((event) => [event.kind, event.reason])).toEqual([
      ['VM_NOT_READY', expect.stringMatching(reason)],
    ]);

    expect((await agent.ready({ clock: clock(0) })).lines).toEqual({ do: 'ok' });
    expect(await vmOf(vm.id)).toMatchObject({ status: 'READY', notReady: null });
  });

  test.each([-27, 27])('that is %i s off is right enough', async (off) => {
    const { vm, agent } = await booting();
    await agent.ready({ clock: clock(off) });
    expect((await vmOf(vm.id)).status).toBe('READY');
  });

  test('of a VM in use is its user’s', async () => {
    const vm = await aVm(world.db, { status: 'ASSIGNED' });
    expect((await new Agent(world, vm.id).ready({ clock: clock(-9_999) })).lines).toEqual({ do: 'ok' });
    expect((await guestOf(vm.id))?.clockSkewMs).toBeLessThan(-9_000_000);
  });

  test('counts for nothing where a probe decides; the facts are kept', async () => {
    const vm = await aVm(probing.db, { status: 'BOOTING' });
    expect((await new Agent(probing, vm.id).ready({ clock: clock(-9_999), computer: 'PC' })).lines).toEqual({
      do: 'ok',
    });
    expect(await vmOf(vm.id, probing)).toMatchObject({ status: 'BOOTING', notReady: null });
    expect(await guestOf(vm.id, probing)).toMatchObject({ computer: 'PC' });
  });

  test('is forgotten when a probe finds the guest ready, and said when its time to boot is over', async () => {
    const { vm, agent } = await booting();
    await agent.ready({ clock: clock(-764) });
    const waiting = await vmOf(vm.id);

    const step = vmStep(waiting, { engineId: 'x', state: 'running' }, new Date(Date.now() + 1e6), 900_000, () => '');
    expect(step).toMatchObject({ do: 'record', reason: expect.stringMatching(/not ready within 900 s: its clock is/) });
    await reportVmReady(world, vm.id);
    expect(await vmOf(vm.id)).toMatchObject({ status: 'READY', notReady: null });
  });
});

describe('a pool whose computer names are unique', () => {
  const named = async () => {
    await aPool(world.db);
    await world.db.pool.updateMany({ data: { uniqueComputerNames: true } });
    return booting();
  };

  test('a name that no living VM has is good', async () => {
    await aVm(world.db, { status: 'DESTROYED' }).then(({ id }) =>
      world.write((tx) => tx.guest.create({ data: { machineId: id, session: 's', computer: 'PC1' } })),
    );
    const { vm, agent } = await named();

    expect((await agent.ready({ computer: 'PC1' })).lines).toEqual({ do: 'ok' });
    expect((await vmOf(vm.id)).status).toBe('READY');
  });

  test.each(['PC1', 'pc1'])('a name that another has is replaced: %s', async (same) => {
    const first = await named();
    await first.agent.ready({ computer: 'PC1' });
    const { vm, agent } = await booting();

    const { lines } = await agent.ready({ computer: same });

    expect(lines).toEqual({ do: 'rename', name: expect.stringMatching(/^VM-[A-Z2-7]{12}$/) });
    expect(await vmOf(vm.id)).toMatchObject({ status: 'BOOTING', notReady: expect.stringContaining(first.vm.id) });
    expect((await agent.ready({ computer: same })).lines).toEqual(lines);
    agent.session = 'restarted';
    expect((await agent.ready({ computer: lines.name as string })).lines).toEqual({ do: 'ok' });
    expect((await vmOf(vm.id)).status).toBe('READY');
  });

  test('of many guests with one name that report at once, one keeps it', async () => {
    await named();
    const agents = (await Promise.all(Array.from({ length: 8 }, () => booting()))).map(({ agent }) => agent);

    const answers = await Promise.all(agents.map((agent) => agent.ready({ computer: 'GOLDEN' })));

    expect(answers.filter(({ lines }) => lines.do === 'ok')).toHaveLength(1);
    expect(answers.filter(({ lines }) => lines.do === 'rename')).toHaveLength(7);
    expect(new Set(answers.map(({ lines }) => lines.name)).size).toBe(8);
  });

  test('a guest that says no name gets one, and one that never takes it is broken', async () => {
    const { vm, agent } = await named();

    const first = (await agent.ready()).lines;
    agent.session = 'second';
    const second = (await agent.ready()).lines;
    agent.session = 'third';
    const third = await agent.ready();

    expect(first.do).toBe('rename');
    expect(second.do).toBe('rename');
    expect(second.name).not.toBe(first.name);
    expect(third.status).toBe(410);
    const reason = 'it did not say its computer name, after 2 new names';
    expect(await vmOf(vm.id)).toMatchObject({ status: 'FAILED', reason });
    expect((await eventsOf(vm.id)).map(({ kind }) => kind)).toEqual(['VM_NOT_READY', 'VM_NOT_READY', 'VM_FAILED']);
    expect((await world.db.pool.findFirstOrThrow()).blocked).toContain(reason);
  });

  test('a guest that reports again and again in one start is told the same and breaks nothing', async () => {
    const { vm, agent } = await named();
    for (let n = 0; n < 9; n++) expect((await agent.ready()).lines.do).toBe('rename');

    expect((await vmOf(vm.id)).status).toBe('BOOTING');
    expect(await eventsOf(vm.id)).toHaveLength(1);
  });

  test('the clock comes first', async () => {
    const { agent } = await named();
    expect((await agent.ready({ clock: clock(-100) })).lines.do).toBe('sync');
  });
});

describe('an installation', () => {
  test('that failed says where and why', async () => {
    const image = await anImage(world.db, { status: 'INSTALLING' });
    const answer = await new Agent(world, image.id).ready({ phase: 'failed', step: 'Drivers', reason: 'exit code 5' });

    expect(answer.lines).toEqual({ do: 'ok' });
    const reason = 'install.bat failed at step "Drivers": exit code 5';
    expect(await world.db.goldenImage.findUnique({ where: { id: image.id } })).toMatchObject({
      status: 'FAILED',
      reason,
    });
    expect(await world.db.event.findFirst({ where: { kind: 'GOLDEN_IMAGE_FAILED' } })).toMatchObject({
      actor: 'guest',
      goldenImageId: image.id,
      reason,
    });
    expect((await new Agent(world, image.id).ready({ phase: 'failed' })).status).toBe(410);
  });

  test('that says that it failed after it said that it is done is judged by its disk', async () => {
    const image = await anImage(world.db, { status: 'INSTALLING' });
    const agent = new Agent(world, image.id);
    await agent.ready({ phase: 'installed' });

    expect((await agent.ready({ phase: 'failed' })).lines).toEqual({ do: 'ok' });
    expect(await world.db.goldenImage.findUnique({ where: { id: image.id } })).toMatchObject({ status: 'SEALING' });
  });

  test('tells how far it is; a VM may not', async () => {
    const image = await anImage(world.db, { status: 'INSTALLING' });
    const vm = await aVm(world.db);

    const answer = await new Agent(world, image.id).call('progress', {
      step: 'Copying the\u0007 agent',
      done: 3,
      of: 9,
    });
    const ignored = await new Agent(world, vm.id).call('progress', { step: 'x', done: 9, of: 9 });

    expect([answer.lines, ignored.lines]).toEqual([{ do: 'ok' }, { do: 'ok' }]);
    expect(await world.db.goldenImage.findUnique({ where: { id: image.id } })).toMatchObject({
      phase: 'CONFIGURING',
      message: 'Copying the agent',
    });
    expect(await world.db.event.count({ where: { kind: 'GOLDEN_IMAGE_PROGRESS' } })).toBe(1);
  });

  test.each(['done=-1', 'done=NaN', 'of=1e9', 'done=99999999999999999999', `step=${'x'.repeat(201)}`])(
    '%s: refused',
    async (line) => {
      const image = await anImage(world.db, { status: 'INSTALLING' });
      expect((await new Agent(world, image.id).call('progress', line)).status).toBe(400);
    },
  );

  test('is asked to run nothing', async () => {
    const image = await anImage(world.db, { status: 'INSTALLING' });
    expect((await new Agent(world, image.id).next()).lines).toEqual({ do: 'none' });
  });
});
