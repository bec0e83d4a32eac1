import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { diskRefusal } from '../../src/storage/diskRefusal.js';
import { createStorage } from '../../src/storage/storage.js';
import { ALONE } from '../support/alone.js';
import { aGolden, anInstallation, aStorage, config, log, noQemuImg } from './aStorage.js';

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'vapiorc-claim-'));
});
afterEach(() => rm(path, { recursive: true, force: true }));

const open = (deployment: string) => createStorage({ path: join(path, 'storage'), deployment, log });

test('the first deployment keeps the storage, another one is refused and touches nothing', async () => {
  expect(await open('one').claim()).toBeUndefined();
  expect(await open('one').claim()).toBeUndefined();
  await mkdir(join(path, 'storage', 'trash', 'of one'));

  const refusal = await open('two').claim();

  expect(refusal).toMatchObject({ code: 'UNAVAILABLE', part: 'storage' });
  expect(refusal?.message).toContain('"one"');
  expect(refusal?.fix).toContain('VAPIORC_STORAGE_PATH');
  expect(await readdir(join(path, 'storage', 'trash'))).toEqual(['of one']);
});

test('of deployments that race for a storage one gets it', async () => {
  const claims = await Promise.all(Array.from({ length: 8 }, (_, index) => open(`deployment ${index}`).claim()));

  expect(claims.filter((refusal) => refusal === undefined)).toHaveLength(1);
  expect((await readdir(join(path, 'storage'))).toSorted()).toEqual([
    'deployment',
    'golden',
    'installs',
    'oem',
    'trash',
    'vms',
  ]);
});

test('the database folder of the server does not count as a machine', async () => {
  const storage = open('one');
  await storage.claim();
  await mkdir(join(path, 'storage', 'postgres'));
  await mkdir(join(path, 'storage', 'vms', 'lost+found'));

  expect(await storage.list()).toEqual([]);
});

/** A file system of its own, which only root may mount. */
const isRoot = process.getuid?.() === 0;

test.runIf(isRoot)('on a full disk a clone says so, and what it began can be removed', async () => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=10m', 'vapiorc-test', path]);
  try {
    const { storage } = await aStorage(path);
    const imageId = await aGolden(storage);
    const { freeBytes: ballast } = await storage.room();
    await writeFile(join(path, 'ballast'), Buffer.alloc(ballast - 100_000));
    const vmId = randomUUID();

    const fault = await storage.clone(imageId, vmId, config, ALONE.confirm).catch((caught: unknown) => caught);

    expect(diskRefusal(fault, path)).toMatchObject({ code: 'CAPACITY_EXHAUSTED', resource: 'disk' });
    await storage.remove({ kind: 'vm', id: vmId });
    expect(await storage.list()).toEqual([]);
    await rm(join(path, 'ballast'));
    await storage.clone(imageId, vmId, config, ALONE.confirm);
  } finally {
    execFileSync('umount', ['-l', path]);
  }
});

test.runIf(isRoot)(
  'an installation that can not be sealed for want of space can be sealed once there is some',
  async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=10m', 'vapiorc-test', path]);
    try {
      const { storage } = await aStorage(path);
      const imageId = randomUUID();
      await anInstallation(storage, imageId);
      await writeFile(join(path, 'ballast'), Buffer.alloc((await storage.room()).freeBytes));
      const order = { imageId, vmType: '11', containerImage: 'an image' };

      const fault = await storage.seal(order, noQemuImg, ALONE.confirm).catch((caught: unknown) => caught);
      expect(diskRefusal(fault, path)).toMatchObject({ resource: 'disk' });
      await rm(join(path, 'ballast'));

      expect((await storage.seal(order, noQemuImg, ALONE.confirm)).imageId).toBe(imageId);
    } finally {
      execFileSync('umount', ['-l', path]);
    }
  },
);

test.runIf(isRoot)('a read-only storage is refused in words that say what to do', async () => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'vapiorc-test', path]);
  try {
    const fault = await createStorage({ path, deployment: 'one', log })
      .claim()
      .catch((caught: unknown) => caught);

    expect(diskRefusal(fault, path)).toMatchObject({ part: 'storage', message: expect.stringContaining('read-only') });
  } finally {
    execFileSync('umount', ['-l', path]);
  }
});
