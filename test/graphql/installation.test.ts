import { afterAll, beforeAll, expect, test } from 'vitest';
import { anImage } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';
import { read } from './support/ask.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world?.close());

test('an installation says when it may be ready, by those before it, and why it stands still', async () => {
  const hour = 3_600_000;
  const ago = (ms: number) => new Date(Date.now() - ms);
  await anImage(world.db, { startedAt: ago(9 * hour), installedAt: ago(7 * hour), readyAt: ago(7 * hour) });
  const startedAt = ago(hour);
  await anImage(world.db, { status: 'INSTALLING', startedAt, progress: 0.9, stuck: 'nothing has moved' });
  await anImage(world.db, { vmType: '10', status: 'INSTALLING', startedAt });

  const { goldenImages } = await read(
    world,
    '{ goldenImages { nodes { vmType status stuck startedAt installedAt estimatedReadyAt } } }',
  );

  expect(goldenImages.nodes).toMatchObject([
    { vmType: '11', status: 'READY', stuck: null, estimatedReadyAt: null, installedAt: expect.any(String) },
    {
      vmType: '11',
      status: 'INSTALLING',
      stuck: 'nothing has moved',
      startedAt: startedAt.toISOString(),
      installedAt: null,
      estimatedReadyAt: new Date(startedAt.getTime() + 2 * hour).toISOString(),
    },
    { vmType: '10', status: 'INSTALLING', estimatedReadyAt: null },
  ]);
});
