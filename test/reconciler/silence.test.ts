import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { serveQueue } from '../../src/db/assignments.js';
import { noteGuest } from '../../src/db/guests.js';
import { listening, sighted, silentVms } from '../../src/db/sightings.js';
import { createWrite } from '../../src/db/write.js';
import { NotLeading } from '../../src/domain/lead.js';
import { RECONCILER } from '../../src/domain/principal.js';
import type { Deps } from '../../src/reconciler/deps.js';
import { probeSpares } from '../../src/reconciler/probeSpares.js';
import { whySilent } from '../../src/reconciler/silentVm.js';
import { anImage, aPool, aVm } from '../support/rows.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';
import { until } from '../support/until.js';

let world: StepWorld;
afterEach(() => world?.close());

const UNHEARD_MS = 90_000;

/** VMs last seen alive so long ago, in a deployment that has listened for an hour. */
async function seenAgo(seconds: number, ...vmIds: string[]): Promise<void> {
  await sighted(world.db, vmIds);
  await world.db
    .$executeRaw`UPDATE "Sighting" SET "at" = now() - make_interval(secs => ${seconds}::float8) WHERE "vmId" = ANY (${vmIds}::uuid[])`;
  await world.db
    .$executeRaw`UPDATE "Deployment" SET "listeningSince" = now() - interval '1 hour', "listenedAt" = now()`;
  await listening(world.db, UNHEARD_MS);
}

const claim = async () => {
  const answer = await world.assignVm({ vmType: '11', assignedTo: 'job' });
  if (answer instanceof Error) throw answer;
  return answer;
};
const vmOf = (id: string) => world.db.vm.findUniqueOrThrow({ where: { id } });

test('a spare of which nothing was heard is passed over, whether it is claimed or a queue is served', async () => {
  world = await createStepWorld();
  const [silent, heard, late] = [await aVm(world.db), await aVm(world.db), await aVm(world.db)];
  await seenAgo(91, silent.id);
  await seenAgo(89, heard.id, late.id);

  expect((await claim()).vmId).toBe(heard.id);
  await world.db.assignment.create({ data: { id: late.id, poolId: late.poolId, vmType: '11', assignedTo: 'waits' } });
  const pool = { id: late.poolId, vmType: '11' };
  expect(await world.write((tx, tell) => serveQueue(tx, pool, 5, tell))).toBe(1);
  expect((await vmOf(late.id)).status).toBe('ASSIGNED');
  expect(await claim()).toMatchObject({ status: 'QUEUED' });
  expect((await vmOf(silent.id)).status).toBe('READY');
});

test('it is handed out again once it was heard', async () => {
  world = await createStepWorld();
  const { id } = await aVm(world.db);
  await seenAgo(91, id);
  await sighted(world.db, [id]);

  expect((await claim()).vmId).toBe(id);
});

test('a time in which nobody listened is not held against a spare, and after it the spare has its full time again', async () => {
  world = await createStepWorld();
  const spares = [await aVm(world.db), await aVm(world.db)];
  await seenAgo(7200, ...spares.map(({ id }) => id));
  expect((await silentVms(world.db, true)).size).toBe(2);
  // All servers were away for longer than a guest's calls are apart.
  await world.db.$executeRaw`UPDATE "Deployment" SET "listenedAt" = now() - interval '31 seconds'`;
  await listening(world.db, UNHEARD_MS);
  expect((await silentVms(world.db, true)).size).toBe(0);
  expect((await claim()).status).toBe('FULFILLED');

  await world.db.$executeRaw`UPDATE "Deployment" SET "listeningSince" = now() - interval '89 seconds'`;
  await listening(world.db, UNHEARD_MS);
  expect((await silentVms(world.db, true)).size).toBe(0);
  await world.db.$executeRaw`UPDATE "Deployment" SET "listeningSince" = now() - interval '91 seconds'`;
  await listening(world.db, UNHEARD_MS);
  const [left] = await silentVms(world.db, true);
  expect(left?.[1]).toBeGreaterThan(90_000);
  expect(left?.[1]).toBeLessThan(100_000);
});

/** A pool with this many ready spares whose guests poll, and whose silence counts. */
async function aPoolOf(hotSpares: number, over: Parameters<typeof createStepWorld>[0] = {}): Promise<string[]> {
  world = await createStepWorld({ unheardMs: 1500, ...over });
  await anImage(world.db);
  await aPool(world.db, { hotSpares });
  const reconciler = world.reconcile();
  const spares = await until('the spares are ready', async () => {
    const ready = await world.db.vm.findMany({ where: { status: 'READY' }, select: { id: true } });
    return ready.length === hotSpares && ready.map(({ id }) => id);
  });
  world.listen();
  again = () => reconciler.poke();
  return spares;
}
let again = () => {};

const failed = (id: string) =>
  until('it failed', async () => {
    again();
    const vm = await vmOf(id);
    return vm.status === 'FAILED' && vm;
  });
/** Without the pool's rest. */
const refilled = (count: number, without: string) =>
  until('it is replaced', async () => {
    await world.db.pool.update({ where: { name: '11' }, data: { retryAt: null } });
    again();
    return (await world.db.vm.count({ where: { status: 'READY', id: { not: without } } })) === count;
  });

for (const readiness of ['agent', 'rdp', 'either'] as const)
  test(`with readiness ${readiness} a spare that freezes is replaced with the reason, and those that live are left alone`, async () => {
    const [victim, other] = (await aPoolOf(2, { readiness })) as [string, string];
    world.provisioner.befall({ kind: 'vm', id: victim }, 'frozen');

    expect((await failed(victim)).reason).toMatch(/^its guest was not heard for \d+ s$/);
    await refilled(2, victim);
    expect((await vmOf(other)).status).toBe('READY');
    expect(await world.db.sighting.count({ where: { vmId: victim } })).toBe(0);
  });

test('a spare whose agent alone is silent waits for it, is not handed out meanwhile, and is given up after twice the time', async () => {
  const [victim] = (await aPoolOf(1)) as [string];
  await world.write((tx) => noteGuest(tx, victim, 'session', {}));
  world.provisioner.befall({ kind: 'vm', id: victim }, 'deaf');

  expect((await failed(victim)).reason).toMatch(
    /^its guest was not heard for ([3-9]|\d\d) s, although it answers RDP$/,
  );
});

test('spares without an agent are asked by RDP although the agent is who makes them ready', async () => {
  const [id] = (await aPoolOf(1)) as [string];
  world.provisioner.befall({ kind: 'vm', id }, 'deaf');
  await seenAgo(60, id);
  await probeSpares(world.deps);

  const { at } = await world.db.sighting.findUniqueOrThrow({ where: { vmId: id } });
  expect(Date.now() - at.getTime()).toBeLessThan(30_000);
});

const seenAt = async (id: string) => (await world.db.sighting.findUniqueOrThrow({ where: { vmId: id } })).at.getTime();
/** The guests' answers by RDP, in place of the machines'. */
const asking = (answersRdp: (id: string) => Promise<boolean>) => ({
  ...world.deps,
  provisioner: { ...world.provisioner, answersRdp },
});
/** The two who ask. */
const ASKS = [
  ['in turn', (deps: Deps) => probeSpares(deps)],
  ['because it is silent', (deps: Deps, id: string) => whySilent(deps, id, 100_000)],
] as const;

test('one that can not be asked does not keep the others from being asked; where none can, nobody listens', async () => {
  world = await createStepWorld({ readiness: 'rdp' });
  const [broken, well] = [await aVm(world.db), await aVm(world.db)];
  await seenAgo(60, broken.id, well.id);
  const { listenedAt } = await world.db.deployment.findFirstOrThrow();
  const fault = new Error('its container can not be inspected');
  await expect(probeSpares(asking(() => Promise.reject(fault)))).rejects.toThrow(fault);
  expect(await world.db.deployment.findFirstOrThrow()).toMatchObject({ listenedAt });

  await probeSpares(asking((id) => (id === broken.id ? Promise.reject(fault) : Promise.resolve(true))));

  expect(Date.now() - (await seenAt(well.id))).toBeLessThan(30_000);
  expect(Date.now() - (await seenAt(broken.id))).toBeGreaterThan(30_000);
  expect((await world.db.deployment.findFirstOrThrow()).listenedAt).not.toEqual(listenedAt);
});

test.each(ASKS)(
  'a spare that is asked %s was alive when it was asked, however late the answer is noted',
  async (_why, ask) => {
    world = await createStepWorld({ readiness: 'rdp' });
    const { id } = await aVm(world.db);
    await seenAgo(60, id);
    const asked = world.db.clock.now().getTime();

    await ask(
      asking(() => sleep(1500, true)),
      id,
    );

    expect((await seenAt(id)) - asked).toBeLessThan(1200);
    expect(Date.now() - (await seenAt(id))).toBeLessThan(30_000);
  },
);

test.each(ASKS)('a server that leads no more says of no spare that is asked %s that it lives', async (_why, ask) => {
  world = await createStepWorld({ readiness: 'rdp' });
  const { id } = await aVm(world.db);
  await seenAgo(60, id);
  const before = [await seenAt(id), await world.db.deployment.findFirstOrThrow()];
  const { term } = await world.db.leaderTerm.update({ where: { id: 1 }, data: { term: { increment: 1 } } });
  const late = { ...asking(async () => true), write: createWrite(world.db, () => {}, { term: term - 1n })(RECONCILER) };

  await expect(ask(late, id)).rejects.toThrow(NotLeading);

  expect([await seenAt(id), await world.db.deployment.findFirstOrThrow()]).toEqual(before);
});

test.each([
  ['paused', 'its container is paused'],
  ['disconnected', 'its container was taken out of the network of the VMs'],
  ['diskGone', 'its folder or its disk was removed'],
] as const)(
  'a spare that is %s is replaced with the reason; one that is assigned stays, and its holder is told, also when it is well again',
  async (misfortune, reason) => {
    await aPoolOf(2, { unheardMs: 60_000 });
    const vmId = (await claim()).vmId as string;
    await refilled(2, vmId);
    const [victim] = await world.db.vm.findMany({ where: { status: 'READY' } });
    world.provisioner.befall({ kind: 'vm', id: victim?.id ?? '' }, misfortune);
    expect((await failed(victim?.id ?? '')).reason).toBe(reason);
    await refilled(2, victim?.id ?? '');

    world.provisioner.befall({ kind: 'vm', id: vmId }, misfortune);
    await until('the holder is told', async () => (await vmOf(vmId)).notReady === reason);
    expect((await vmOf(vmId)).status).toBe('ASSIGNED');
    world.provisioner.befall({ kind: 'vm', id: vmId }, misfortune, false);
    await until('it is well again', async () => (await vmOf(vmId)).notReady === null);
    const events = await world.db.event.findMany({
      where: { vmId, kind: { in: ['VM_NOT_READY', 'VM_READY'] } },
      orderBy: { seq: 'asc' },
    });
    expect(events.map((event) => [event.kind, event.actor, event.reason])).toEqual([
      ['VM_READY', 'guest', null],
      ['VM_NOT_READY', 'reconciler', reason],
      ['VM_READY', 'reconciler', null],
    ]);
  },
);

test('an assigned VM whose guest falls silent stays, and its holder is told once', async () => {
  await aPoolOf(1);
  const vmId = (await claim()).vmId as string;
  await world.write((tx) => noteGuest(tx, vmId, 'session', {}));
  world.provisioner.befall({ kind: 'vm', id: vmId }, 'frozen');
  await until('the holder is told', async () => {
    again();
    return (await vmOf(vmId)).notReady === 'its guest is not heard any more';
  });
  world.provisioner.befall({ kind: 'vm', id: vmId }, 'frozen', false);
  await until('it is heard again', async () => {
    again();
    return (await vmOf(vmId)).notReady === null;
  });
  expect((await vmOf(vmId)).status).toBe('ASSIGNED');
  expect(await world.db.event.count({ where: { vmId, kind: 'VM_NOT_READY' } })).toBe(1);
});

test('spares that break while they are ready make the pool rest: those of one moment once, one after the other longer', async () => {
  const first = await aPoolOf(3, { unheardMs: 60_000 });
  for (const id of first) world.provisioner.kill({ kind: 'vm', id }, 1);
  for (const id of first) await failed(id);
  const pool = () => world.db.pool.findUniqueOrThrow({ where: { name: '11' } });
  expect(await pool()).toMatchObject({
    failures: 1,
    blocked: expect.stringContaining('broke before they were handed out'),
  });
  await world.db.pool.update({ where: { name: '11' }, data: { retryAt: null } });
  await until('they are replaced', async () => {
    again();
    return (await world.db.vm.count({ where: { status: 'READY' } })) === 3;
  });
  await until('the pool is not blocked', async () => (await pool()).blocked === null);
  const [next] = await world.db.vm.findMany({ where: { status: 'READY' } });
  world.provisioner.kill({ kind: 'vm', id: next?.id ?? '' }, 1);
  await failed(next?.id ?? '');
  expect((await pool()).failures).toBe(2);
  // Ten minutes later the pool is as new.
  await world.db.$executeRaw`UPDATE "Vm" SET "changedAt" = now() - interval '11 minutes' WHERE "status" = 'FAILED'`;
  await world.db.pool.update({ where: { name: '11' }, data: { retryAt: null } });
  await until('the pool has recovered', async () => {
    again();
    return (await pool()).failures === 0;
  });
});
