import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Share } from '../../src/domain/share.js';
import { noteOutput } from '../../src/guest/noteOutput.js';
import { Agent } from '../rest/support/agent.js';
import { type Scene, startScene } from '../rest/support/scene.js';
import { until } from '../support/until.js';
import { startWorld, type World } from '../support/world.js';

let scene: Scene;
let world: World;
let shares: Scene['shares'];
let working: Scene['working'];
let run: Scene['run'];
let commandOf: Scene['commandOf'];
beforeAll(async () => {
  scene = await startScene();
  ({ world, shares, working, run, commandOf } = scene);
});
beforeEach(() => world.empty());
afterAll(() => scene.close());

describe('output', () => {
  const writing = async () => {
    const { vmId, agent } = await working({ codepage: 850 });
    const id = await run(vmId);
    await agent.takes();
    const folder = shares.folder(vmId, 'commands', id);
    return { vmId, agent, id, folder };
  };
  const outputOf = (commandId: string) => world.db.commandOutput.findUnique({ where: { commandId } });

  test('is there while the command runs, in whole characters, and told once a second at most', async () => {
    const { vmId, agent, id, folder } = await writing();
    writeFileSync(join(folder, 'stdout'), Buffer.from('grüß').subarray(0, 5));
    await agent.next({ [`output.${id}`]: '5,0' });
    expect(await outputOf(id)).toMatchObject({ stdout: 'grü', stderr: '' });

    writeFileSync(join(folder, 'stdout'), 'grüße');
    writeFileSync(join(folder, 'stderr'), 'oh');
    await until('the next second', async () => {
      await agent.next({ [`output.${id}`]: '7,2' });
      return (await outputOf(id))?.stderr === 'oh';
    });

    expect(await outputOf(id)).toMatchObject({ stdout: 'grüße', stderr: 'oh' });
    expect(await commandOf(id)).toMatchObject({ status: 'RUNNING', stdoutBytes: 7n, stderrBytes: 2n });
    const events = await world.db.event.findMany({ where: { vmId, kind: 'COMMAND_OUTPUT' } });
    expect(events.map(({ data }) => data)).toEqual([
      { commandId: id, stdoutBytes: 5, stderrBytes: 0 },
      { commandId: id, stdoutBytes: 7, stderrBytes: 2 },
    ]);
    expect((events[1]?.at.getTime() ?? 0) - (events[0]?.at.getTime() ?? 0)).toBeGreaterThan(500); // the first is told when it is written, which takes a moment
  });

  test('of a command that runs for long is taken over ever less', async () => {
    const { vmId, id, folder } = await writing();
    const startedAt = (await commandOf(id)).startedAt?.getTime() ?? 0;
    const lookedAt = new Map<string, number>();
    const deps = { db: world.db, write: world.write, share: shares.share, warn: () => {} };
    const vm = await world.db.vm.findUniqueOrThrow({ where: { id: vmId } });
    let size = 0;
    const grows = async (ageSeconds: number) => {
      writeFileSync(join(folder, 'stdout'), 'x'.repeat(++size));
      const said = new Map([[id, { stdout: size, stderr: 0 }]]);
      await noteOutput(deps, vm, said, lookedAt, startedAt + ageSeconds * 1000);
      return (await outputOf(id))?.stdout.length === size;
    };

    expect(await grows(3)).toBe(true);
    expect(await grows(3.9)).toBe(false);
    expect(await grows(4)).toBe(true);
    expect(await grows(1000)).toBe(true);
    expect(await grows(1019)).toBe(false);
    expect(await grows(1021)).toBe(true);
    expect(await grows(36_000)).toBe(true);
    expect(await grows(36_700)).toBe(false);
    expect(await world.db.event.count({ where: { vmId, kind: 'COMMAND_OUTPUT' } })).toBe(5);
  });

  test('is left as it is until the end once all that is kept is there', async () => {
    const { vmId, agent, id, folder } = await writing();
    writeFileSync(join(folder, 'stdout'), 'x'.repeat(262_144));
    await agent.next({ [`output.${id}`]: '262144,0' });
    expect((await outputOf(id))?.stdout).toHaveLength(262_144);

    writeFileSync(join(folder, 'stdout'), 'y');
    writeFileSync(join(folder, 'stderr'), 'oh');
    await until('the next second', async () => {
      await agent.next({ [`output.${id}`]: '1,2' });
      return (await outputOf(id))?.stderr === 'oh';
    });

    expect((await outputOf(id))?.stdout).toBe('x'.repeat(262_144));
    expect(await commandOf(id)).toMatchObject({ stdoutBytes: 262_144n, stderrBytes: 2n });
    writeFileSync(join(folder, 'stdout'), 'the end');
    await agent.result(id, { stdout: 7, stderr: 2 });
    expect((await outputOf(id))?.stdout).toBe('the end');
    expect(await world.db.event.count({ where: { vmId, kind: 'COMMAND_OUTPUT' } })).toBe(2);
  });

  test('that can not be read is told once for each command', async () => {
    const failing: World = await startWorld(
      {},
      {
        on: world,
        engine: {
          share: ({ id }) => ({
            ...(shares.share(id) as Share),
            open: () => Promise.reject(new Error('an error of the disk')),
          }),
        },
      },
    );
    const { vmId, agent, id } = await writing();
    const there = new Agent(failing, vmId);
    there.session = agent.session;
    there.running = [id];
    await there.next({ [`output.${id}`]: '1,1' });
    await there.result(id, { stdout: 1, stderr: 1 });

    expect(failing.log.filter(({ commandId }) => commandId === id)).toHaveLength(1);
    expect(await commandOf(id)).toMatchObject({ status: 'EXITED' });
    await failing.close();
  });

  test('that has not grown is not told', async () => {
    const { vmId, agent, id } = await writing();
    await agent.next({ [`output.${id}`]: '0,0' });
    await agent.next({ [`output.${id}`]: '9,9' }); // a lie
    expect(await world.db.event.count({ where: { vmId, kind: 'COMMAND_OUTPUT' } })).toBe(0);
    expect(await commandOf(id)).toMatchObject({ stdoutBytes: 0n });
  });

  test('of a command of another VM, or of none, is left alone', async () => {
    const theirs = await writing();
    writeFileSync(join(theirs.folder, 'stdout'), 'secret');
    const { agent } = await working();
    await agent.next({
      [`output.${theirs.id}`]: '6,0',
      'output.00000000-0000-4000-8000-000000000000': '6,0',
      'output.../../etc/passwd': 'x',
      running: theirs.id,
    });
    expect(await outputOf(theirs.id)).toBeNull();
  });

  test('that is a link, a folder or not to be read is none', async () => {
    const { agent, id, folder } = await writing();
    symlinkSync('/etc/passwd', join(folder, 'stdout'));
    mkdirSync(join(folder, 'stderr'));
    expect((await agent.next({ [`output.${id}`]: '9,9' })).status).toBe(200);
    await agent.result(id, { stdout: 9, stderr: 9 });

    expect(await outputOf(id)).toMatchObject({ stdout: '', stderr: '' });
    expect(await commandOf(id)).toMatchObject({ status: 'EXITED', stdoutBytes: 9n });
    chmodSync(folder, 0o700);
  });
});
