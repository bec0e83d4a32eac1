import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runCommand } from '../../src/actions/command/runCommand.js';
import { guestToken } from '../../src/db/deployment.js';
import { LIMITS } from '../../src/domain/limits.js';
import { Agent } from '../rest/support/agent.js';
import { anImage, aVm } from '../support/rows.js';
import { stopClock } from '../support/stopClock.js';
import { startWorld, type World } from '../support/world.js';

/** What a guest can do without end, and what it must not cost the others. */
let world: World;

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(() => world.empty());
afterAll(() => world.close());

test('a guest that hangs up in the middle of a body leaves no line in the log', async () => {
  const vm = await aVm(world.db, { status: 'ASSIGNED' });
  const authorization = `Bearer ${guestToken(world.deployment, vm.id)}`;
  const cutOff = once(world.server, 'request');
  const socket = connect(Number(new URL(world.url).port), '127.0.0.1');
  socket.write(
    `POST /guest/v1/ready HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${authorization}\r\nContent-Length: 100\r\n\r\nphase=`,
  );
  const [incoming] = await cutOff;
  const closed = new Promise((resolve) => incoming.once('close', resolve));
  socket.destroy();
  await closed;

  // Served after the one that was cut off has failed.
  expect((await new Agent(world, vm.id).ready()).status).toBe(200);
  expect(world.log).toEqual([]);
});

test('an installation that reports steps without end writes some of them, and then as many as a second has', async () => {
  const image = await anImage(world.db, { status: 'INSTALLING' });
  const agent = new Agent(world, image.id);
  const told = () => world.db.event.count({ where: { kind: 'GOLDEN_IMAGE_PROGRESS' } });
  const goOn = stopClock();
  const flood = async (count: number) => {
    for (let at = 0; at < count; at += 40) {
      goOn(1_000);
      const step = (n: number) => agent.call('progress', { step: `${count} ${at} ${n}`, done: 1, of: 9 });
      const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => step(n)));
      expect(answers.map(({ lines }) => lines.do)).toEqual(Array.from({ length: 40 }, () => 'ok'));
    }
  };

  await flood(200);
  expect(await told()).toBe(100 + 4 * LIMITS.guestStepsPerSecond.value);
  await flood(80);
  expect(await told()).toBe(100 + 6 * LIMITS.guestStepsPerSecond.value);
});

test.each(['ready', 'next'] as const)(
  'a guest whose %s does not get on takes no connection to the database from the others',
  async (name) => {
    const [loud, quiet] = [await aVm(world.db, { status: 'ASSIGNED' }), await aVm(world.db, { status: 'ASSIGNED' })];
    const noisy = new Agent(world, loud.id);
    await noisy.ready();
    await runCommand(world, { vmId: loud.id, command: 'ver' });
    let letGo = () => {};
    const released = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let holds = () => {};
    const isHeld = new Promise<void>((resolve) => {
      holds = resolve;
    });
    const holding = world.db.$transaction(async (tx) => {
      await tx.$executeRaw`SELECT 1 FROM "Vm" WHERE "id" = ${loud.id}::uuid FOR UPDATE`;
      holds();
      await released;
    });
    await isHeld;

    const calls = Promise.all(Array.from({ length: 40 }, () => noisy[name]()));
    const answers = await Promise.all([new Agent(world, quiet.id).ready(), new Agent(world, quiet.id).ready()]).finally(
      letGo,
    );

    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    await holding;
    expect((await calls).map(({ status }) => status)).toEqual(Array.from({ length: 40 }, () => 200));
  },
  30_000,
);
