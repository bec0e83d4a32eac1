import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommand } from '../../src/actions/command/runCommand.js';
import { noteGuest } from '../../src/db/guests.js';
import type { Prisma } from '../../src/generated/prisma/client.js';
import { reconcileCommands } from '../../src/reconciler/commands.js';
import { aVm } from '../support/rows.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';
import { until } from '../support/until.js';

let world: StepWorld;
beforeAll(async () => {
  world = await createStepWorld();
});
afterAll(() => world.close());

const MINUTE = 60_000;
const ago = (ms: number) => new Date(Date.now() - ms);

async function aCommand(over: Prisma.CommandUncheckedUpdateInput, seenAt?: Date): Promise<string> {
  const vm = await aVm(world.db, { status: 'ASSIGNED' });
  if (seenAt) {
    await world.write((tx) => noteGuest(tx, vm.id, 's', {}));
    await world.db.guest.update({ where: { machineId: vm.id }, data: { seenAt } });
  }
  const command = await runCommand(world, { vmId: vm.id, command: 'ver', timeoutSeconds: 100 });
  if (command instanceof Error) throw command;
  await world.db.command.update({ where: { id: command.id }, data: over });
  return command.id;
}

const after = async (id: string, deps = world.deps) => {
  await reconcileCommands(deps);
  return world.db.command.findUniqueOrThrow({ where: { id } });
};

test('one whose end was not reported within a minute is TIMED_OUT', async () => {
  const late = await aCommand({ status: 'RUNNING', startedAt: ago(161_000) });
  const inTime = await aCommand({ status: 'RUNNING', startedAt: ago(150_000) });

  expect(await after(late)).toMatchObject({ status: 'TIMED_OUT', reason: 'the guest did not report its end' });
  expect(await after(inTime)).toMatchObject({ status: 'RUNNING' });
  expect(await world.db.event.findMany({ where: { kind: 'COMMAND_ENDED' } })).toMatchObject([
    { actor: 'reconciler', data: { commandId: late, status: 'TIMED_OUT', exitCode: null } },
  ]);
});

test('one that was cancelled is CANCELLED after two minutes, whatever the guest says', async () => {
  const running = { status: 'RUNNING', startedAt: ago(5 * MINUTE), timeoutSeconds: 3600 } as const;
  const silent = await aCommand({ ...running, cancelRequestedAt: ago(121_000) });
  const atWork = await aCommand({ ...running, cancelRequestedAt: ago(110_000) });
  const wanted = await aCommand(running);

  expect(await after(silent, { ...world.deps, ledSince: ago(110_000) })).toMatchObject({ status: 'RUNNING' });
  expect(await after(silent, { ...world.deps, ledSince: ago(60 * MINUTE) })).toMatchObject({
    status: 'CANCELLED',
    reason: 'cancelled; the guest did not confirm it',
    endedAt: expect.any(Date),
  });
  expect(await after(atWork)).toMatchObject({ status: 'RUNNING' });
  expect(await after(wanted)).toMatchObject({ status: 'RUNNING' });
});

test('one that waits for an agent that is not heard is FAILED after ten minutes', async () => {
  const never = await aCommand({ createdAt: ago(11 * MINUTE) });
  const silent = await aCommand({ createdAt: ago(11 * MINUTE) }, ago(11 * MINUTE));
  const young = await aCommand({ createdAt: ago(9 * MINUTE) });

  const reason = "the guest's agent did not call in";
  expect(await after(never)).toMatchObject({ status: 'FAILED', reason });
  expect(await after(silent)).toMatchObject({ status: 'FAILED', reason });
  expect(await after(young)).toMatchObject({ status: 'QUEUED' });
});

test('one that waits for the QEMU guest agent is FAILED where that runs nothing else', async () => {
  const transport = 'QEMU_GUEST_AGENT' as const;
  const id = await aCommand({ createdAt: ago(11 * MINUTE), transport }, ago(0));
  const { vmId } = await world.db.command.findUniqueOrThrow({ where: { id } });
  const before = await runCommand(world, { vmId, command: 'ver' });
  if (before instanceof Error) throw before;
  const runs = { status: 'RUNNING', startedAt: ago(0), transport } as const;
  await world.db.command.update({ where: { id: before.id }, data: runs });

  expect(await after(id)).toMatchObject({ status: 'QUEUED' });
  await world.db.command.update({ where: { id: before.id }, data: { status: 'EXITED', exitCode: 0, endedAt: ago(0) } });
  expect(await after(id)).toMatchObject({ status: 'FAILED', reason: 'the QEMU guest agent did not take it' });
});

test('one whose turn has not come while the agent calls in waits on', async () => {
  const id = await aCommand({ createdAt: ago(11 * MINUTE) }, ago(MINUTE));

  expect(await after(id)).toMatchObject({ status: 'QUEUED' });
});

test('a time in which no server heard the guests does not count', async () => {
  const runs = await aCommand({ status: 'RUNNING', startedAt: ago(60 * MINUTE) });
  const waits = await aCommand({ createdAt: ago(60 * MINUTE) });
  const justLeads = { ...world.deps, ledSince: ago(30_000) };

  expect(await after(runs, justLeads)).toMatchObject({ status: 'RUNNING' });
  expect(await after(waits, justLeads)).toMatchObject({ status: 'QUEUED' });
  expect(await after(runs, { ...world.deps, ledSince: ago(61_000) })).toMatchObject({ status: 'TIMED_OUT' });
});

test('the leader does it by itself', async () => {
  const id = await aCommand({ status: 'RUNNING', startedAt: ago(161_000) });
  // Nothing else is done for VMs that are over.
  await world.db.vm.updateMany({ data: { status: 'DESTROYED', cleanedAt: new Date(), endpoint: null } });

  world.reconcile();

  await until('TIMED_OUT', async () => (await world.db.command.findUnique({ where: { id } }))?.status === 'TIMED_OUT');
});
