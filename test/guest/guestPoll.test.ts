import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runCommand } from '../../src/actions/command/runCommand.js';
import { releaseVm } from '../../src/actions/vm/releaseVm.js';
import { createWrite } from '../../src/db/write.js';
import { LIMITS } from '../../src/domain/limits.js';
import { ANYONE } from '../../src/domain/principal.js';
import { openBus } from '../../src/events/bus.js';
import { parseGuestPoll } from '../../src/guest/guestPoll.js';
import { Agent } from '../rest/support/agent.js';
import { type Scene, startScene } from '../rest/support/scene.js';
import { aVm } from '../support/rows.js';
import { until } from '../support/until.js';
import type { World } from '../support/world.js';

let scene: Scene;
let world: World;
let working: Scene['working'];
let run: Scene['run'];
let commandOf: Scene['commandOf'];
let anotherServer: Scene['anotherServer'];
beforeAll(async () => {
  scene = await startScene();
  ({ world, working, run, commandOf, anotherServer } = scene);
});
beforeEach(() => world.empty());
afterAll(() => scene.close());

test('a poll waits no longer than it may', () => {
  expect(parseGuestPoll(`session=a\nwait=${LIMITS.guestPollSeconds.value + 1}`)).toMatchObject({
    waitSeconds: LIMITS.guestPollSeconds.value,
  });
});

describe('a poll that waits', () => {
  test('is answered as soon as there is something, asked for at any server', async () => {
    const { vmId, agent } = await working();
    const bus = openBus({
      databaseUrl: world.databaseUrl,
      channel: `vapiorc:${world.deployment.name}`,
      log: world.logger,
    });
    const elsewhere = { ...world, write: createWrite(world.db, (seq) => bus.publish(seq))(ANYONE) };
    await until('the bus is up', async () => bus.health().status === 'OK');

    const polled = agent.next({ wait: 20 });
    const before = Date.now();
    const command = await runCommand(elsewhere, { vmId, command: 'ver' });

    expect((await polled).lines).toMatchObject({ do: 'run', id: (command as { id: string }).id });
    expect(Date.now() - before).toBeLessThan(4_000);
    await bus.close();
  });

  test('is answered with nothing when its time is over', async () => {
    const { agent } = await working();
    const before = Date.now();

    expect((await agent.next({ wait: 1 })).lines).toEqual({ do: 'none' });
    expect(Date.now() - before).toBeGreaterThanOrEqual(990);
  });

  test('is over when the VM is', async () => {
    const { vmId, agent } = await working();
    const polled = agent.next({ wait: 20 });
    await releaseVm(world, { id: vmId });

    expect((await polled).status).toBe(410);
  });

  test('of a guest that has gone away is handed nothing', async () => {
    const { vmId, agent } = await working();
    const hangsUp = new AbortController();
    const polled = agent.next({ wait: 20 }, hangsUp.signal).catch(() => 'hung up');
    const open = () => new Promise<number>((done) => world.server.getConnections((_, count) => done(count)));
    const before = await open();
    hangsUp.abort();
    expect(await polled).toBe('hung up');
    await until('the server has noticed', async () => (await open()) < before);

    const id = await run(vmId);
    expect((await commandOf(id)).status).toBe('QUEUED');
    expect(await agent.takes()).toMatchObject({ do: 'run', id });
  });

  test('beside two others of the same machine: the oldest is let go', async () => {
    const { vmId, agent } = await working();
    const before = Date.now();
    const polls = [1, 2, 3].map(() => agent.next({ wait: 20 }));

    expect((await Promise.race(polls)).lines).toEqual({ do: 'none' });

    expect(Date.now() - before).toBeLessThan(10_000);
    const still = Symbol('still');
    const others = await Promise.all(polls.map((poll) => Promise.race([poll, Promise.resolve(still)])));
    expect(others.filter((other) => other === still)).toHaveLength(2);
    await releaseVm(world, { id: vmId });
    await Promise.all(polls);
  });

  test('does not hold up a server that stops', async () => {
    const other = await anotherServer();
    const { id } = await aVm(world.db, { status: 'ASSIGNED' });
    const agent = new Agent(other, id);
    await agent.ready();
    const polls = [agent.next({ wait: 30 }), agent.next({ wait: 30 })];
    // What comes after them is answered, so they are held by now.
    const quick = new Agent(other, (await aVm(world.db, { status: 'ASSIGNED' })).id);
    await quick.ready();
    await quick.next();

    const before = Date.now();
    await other.end('guest calls');

    expect((await Promise.all(polls)).map(({ lines }) => lines)).toEqual([{ do: 'none' }, { do: 'none' }]);
    expect(Date.now() - before).toBeLessThan(1_000);
    expect((await agent.next({ wait: 30 })).lines).toEqual({ do: 'none' });
    await other.close();
  });
});
