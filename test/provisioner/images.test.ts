import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEngine } from '../../src/provisioner/docker/engine/engine.js';
import { engineFault } from '../../src/provisioner/docker/engine/engineFault.js';
import { Images } from '../../src/provisioner/docker/images.js';
import type { InstallProgress } from '../../src/provisioner/provisioner.js';
import { docker } from './aDockerHost.js';
import { aRegistry } from './aRegistry.js';

let registry: Awaited<ReturnType<typeof aRegistry>>;
beforeAll(async () => {
  registry = await aRegistry();
});
afterAll(() => registry?.close());

test('an image that is missing is pulled once for all who ask, each is told how far it is, and then it is there', async () => {
  const images = new Images(openEngine('/var/run/docker.sock'));
  const image = `${registry.host}/guest`; // without a tag: not every one that there is
  const told: InstallProgress[][] = [[], []];
  try {
    await Promise.all(told.map((mine) => images.ensure(image, (progress) => mine.push(progress))));

    expect(registry.layerFetches()).toBe(1);
    for (const mine of told) {
      expect(mine.at(-1)).toMatchObject({ phase: 'PULLING', progress: 1, message: `Pulling ${image}: 1 of 1 layers` });
      const shares = mine.map(({ progress }) => progress ?? 0);
      expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    }
    expect(await images.has(image)).toBe(true);
    await images.ensure(image);
    expect(registry.layerFetches()).toBe(1);
  } finally {
    await docker
      .getImage(image)
      .remove()
      .catch(() => {});
  }
});

test('an image that the registry does not have is refused in our words', async () => {
  const images = new Images(openEngine('/var/run/docker.sock'));
  const image = `${registry.host}/other:1`;

  const fault = await images.ensure(image).catch((caught: unknown) => caught);

  expect(engineFault(fault, { socket: '', image })).toMatchObject({
    part: 'image',
    message: expect.stringContaining(image),
  });
});
