import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cancelCommand } from '../../src/actions/command/cancelCommand.js';
import { Agent } from '../rest/support/agent.js';
import { type Scene, startScene } from '../rest/support/scene.js';
import { aVm } from '../support/rows.js';
import type { World } from '../support/world.js';

let scene: Scene;
let world: World;
let working: Scene['working'];
let run: Scene['run'];
let commandOf: Scene['commandOf'];
beforeAll(async () => {
  scene = await startScene();
  ({ world, working, run, commandOf } = scene);
});
beforeEach(() => world.empty());
afterAll(() => scene.close());

describe('a guest that restarts', () => {
  test('while a command runs: it is FAILED once the new start has called twice', async () => {
    const { vmId, agent } = await working();
    const id = await run(vmId);
    await agent.takes();
    await agent.restart();

    expect((await agent.next()).lines).toEqual({ do: 'none' });
    expect((await commandOf(id)).status).toBe('RUNNING');
    expect((await agent.next()).lines).toEqual({ do: 'none' });
    expect(await commandOf(id)).toMatchObject({ status: 'FAILED', reason: 'the guest restarted while it ran' });
  });

  test('and says so itself', async () => {
    const { vmId, agent } = await working();
    const id = await run(vmId);
    await agent.takes();
    await agent.restart();
    await agent.result(id, { state: 'lost' });

    expect(await commandOf(id)).toMatchObject({ status: 'FAILED', reason: 'the guest restarted while it ran' });
  });

  test('with the result of a command that had ended: it counts', async () => {
    const { vmId, agent } = await working();
    const id = await run(vmId);
    await agent.takes();
    await agent.restart();
    agent.running = [id];
    await agent.next();
    await agent.next();
    await agent.next();
    await agent.result(id, { exit: 3 });

    expect(await commandOf(id)).toMatchObject({ status: 'EXITED', exitCode: 3 });
  });

  test('does not run what is left over of it again, and runs what waits', async () => {
    const { vmId, agent } = await working();
    await run(vmId);
    await agent.takes();
    const next = await run(vmId);
    await agent.restart();

    expect(await agent.takes()).toMatchObject({ do: 'run', id: next });
  });

  test('is asked who it is before it is asked to do anything; so is one that we do not know', async () => {
    const { vmId, agent } = await working();
    await run(vmId);
    agent.session = 'another';
    expect((await agent.next({ wait: 20 })).lines).toEqual({ do: 'ready' });

    const { id } = await aVm(world.db, { status: 'BOOTING' });
    expect((await new Agent(world, id).next()).lines).toEqual({ do: 'ready' });
  });

  test('while a poll of its earlier start waits: that one is not asked to do anything', async () => {
    const { vmId, agent } = await working();
    const earlier = agent.next({ wait: 20 });
    await agent.restart();
    const id = await run(vmId);

    expect((await earlier).lines).toEqual({ do: 'ready' });
    expect(await agent.takes()).toMatchObject({ do: 'run', id });
  });
});

describe('cancelled', () => {
  test('while it runs: the guest is told, and says when it is done', async () => {
    const { vmId, agent } = await working();
    const id = await run(vmId);
    await agent.takes();
    await cancelCommand(world, { id });

    expect((await agent.next()).lines).toEqual({ do: 'cancel', id });
    expect((await agent.next()).lines).toEqual({ do: 'none' });
    await agent.result(id, { state: 'cancelled', stdout: 3 });

    expect(await commandOf(id)).toMatchObject({
      status: 'CANCELLED',
      reason: 'cancelled while it ran',
      exitCode: null,
    });
  });

  test('while a poll waits: at once', async () => {
    const { vmId, agent } = await working();
    const id = await run(vmId);
    await agent.takes();
    const polled = agent.next({ wait: 20 });
    await cancelCommand(world, { id });

    expect((await polled).lines).toEqual({ do: 'cancel', id });
  });

  test('and exited all the same: its exit code counts', async () => {
    const { vmId, agent } = await working();
    const id = await run(vmId);
    await agent.takes();
    await cancelCommand(world, { id });
    await agent.result(id, { exit: 7 });

    expect(await commandOf(id)).toMatchObject({ status: 'EXITED', exitCode: 7, reason: null });
  });

  test('whose start never got to the guest', async () => {
    const { vmId, agent } = await working();
    const id = await run(vmId);
    await agent.next(); // its answer is lost
    await cancelCommand(world, { id });
    expect((await agent.next()).lines).toEqual({ do: 'cancel', id });
    await agent.result(id, { state: 'lost' });

    expect(await commandOf(id)).toMatchObject({ status: 'CANCELLED' });
  });

  test('in the very moment in which it is handed out: one of the two comes first, and both agree', async () => {
    const { vmId, agent } = await working();
    const kinds = new Set<string>();
    for (let round = 0; round < 12; round++) {
      const id = await run(vmId);
      const [told, cancelled] = await Promise.all([agent.next(), cancelCommand(world, { id })]);
      const { status } = await commandOf(id);
      kinds.add(status);
      expect(cancelled).toMatchObject({ changed: true });
      if (status === 'CANCELLED') expect(told.lines).toEqual({ do: 'none' });
      else expect([status, told.lines.id]).toEqual(['RUNNING', id]);
      if (status === 'RUNNING') await agent.result(id, { state: 'cancelled' });
    }
    expect([...kinds].every((status) => ['CANCELLED', 'RUNNING'].includes(status))).toBe(true);
  });
});
