import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DiskBroken } from '../../src/storage/diskBroken.js';
import { hostQemuImg } from '../../src/storage/qemuImg.js';
import { ALONE } from '../support/alone.js';
import { aGolden, anInstallation, aStorage, noQemuImg, type TestStorage } from './aStorage.js';

let at: TestStorage;
let imageId: string;
beforeEach(async () => {
  at = await aStorage();
  imageId = randomUUID();
});
afterEach(() => at.remove());

const seal = (storage = at.storage) =>
  storage.seal({ imageId, vmType: '11', containerImage: 'an image' }, noQemuImg, ALONE.confirm);

test('a sealed image is a read-only folder with what clones need and nothing else, and the installation is gone', async () => {
  await anInstallation(at.storage, imageId);

  const manifest = await seal();

  const folder = at.storage.layout.golden(imageId);
  expect((await readdir(folder)).toSorted()).toEqual(
    [
      'data.qcow2',
      'manifest.json',
      'overlay.qcow2',
      'windows.args',
      'windows.boot',
      'windows.rom',
      'windows.vars',
      'windows.ver',
    ].toSorted(),
  );
  expect((await stat(folder)).mode & 0o777).toBe(0o555);
  expect((await stat(join(folder, 'data.qcow2'))).mode & 0o777).toBe(0o444);
  expect(await readdir(at.storage.layout.installs)).toEqual([]);
  expect(manifest.disk).toMatchObject({ name: 'data.qcow2', format: 'qcow2', virtualSizeBytes: 64 * 2 ** 20 });
  const sum = execFileSync('sha256sum', [join(folder, 'data.qcow2')], { encoding: 'utf8' }).split(' ')[0];
  expect(manifest.disk.sha256).toBe(sum);
});

test('where the file system can, not even root changes a sealed image', async () => {
  imageId = await aGolden(at.storage);
  if (at.storage.whyNotImmutable() !== undefined) return;

  await expect(writeFile(join(at.storage.layout.golden(imageId), 'data.qcow2'), 'x')).rejects.toThrow(/EPERM/);
});

test('sealed twice, the answer is the same', async () => {
  await anInstallation(at.storage, imageId);

  const first = await seal();

  expect(await seal()).toEqual(first);
  expect(await seal(at.reopen())).toEqual(first);
});

test('killed before it was published, sealing starts over', async () => {
  const folder = await anInstallation(at.storage, imageId);
  await writeFile(join(folder, 'overlay.qcow2'), 'half-made');
  await writeFile(join(folder, 'manifest.json'), '{"half":');
  for (const gone of ['setup.img', 'windows.mac', 'windows.base']) await rm(join(folder, gone));

  expect((await seal()).disk.virtualSizeBytes).toBe(64 * 2 ** 20);
  expect((await at.storage.verify(imageId)).imageId).toBe(imageId);
});

test('killed right after it was published, sealing again cleans up', async () => {
  imageId = await aGolden(at.storage);
  await mkdir(join(at.storage.layout.install(imageId), 'shared'), { recursive: true });

  await seal(at.reopen());

  expect(await readdir(at.storage.layout.installs)).toEqual([]);
});

test.each([
  ['windows.boot', /shut down cleanly/],
  ['data.qcow2', /there is no disk/],
  ['windows.vars', /windows\.vars is missing/],
  ['windows.rom', /windows\.rom is missing/],
])('without %s it is refused, and nothing is removed', async (file, why) => {
  const folder = await anInstallation(at.storage, imageId);
  await rm(join(folder, file));
  const before = await readdir(folder);

  await expect(seal()).rejects.toThrow(why);
  expect(await readdir(folder)).toEqual(before);
  expect(await readdir(at.storage.layout.goldens)).toEqual([]);
});

test('a BIOS version needs no firmware files', async () => {
  const folder = await anInstallation(at.storage, imageId);
  await writeFile(join(folder, 'windows.mode'), 'windows_legacy\n');
  for (const file of ['windows.vars', 'windows.rom']) await rm(join(folder, file));

  expect((await seal()).companions.map((file) => file.name)).toContain('windows.mode');
});

test('Windows 98 is refused in words that say why', async () => {
  const folder = await anInstallation(at.storage, imageId);
  await writeFile(join(folder, 'windows.img'), '');

  await expect(seal()).rejects.toThrow(/95, 98 and ME/);
});

test('a damaged disk is refused', async () => {
  const folder = await anInstallation(at.storage, imageId);
  // The entry of the first table of clusters then points into nowhere.
  execFileSync('dd', [
    'if=/dev/urandom',
    `of=${join(folder, 'data.qcow2')}`,
    'bs=64k',
    'seek=3',
    'count=2',
    'conv=notrunc',
    'status=none',
  ]);

  await expect(seal()).rejects.toThrow(DiskBroken);
});

test('a disk that is itself an overlay is refused', async () => {
  const folder = await anInstallation(at.storage, imageId);
  execFileSync('qemu-img', [
    'create',
    '-q',
    '-f',
    'qcow2',
    '-u',
    '-b',
    '/golden/data.qcow2',
    '-F',
    'qcow2',
    join(folder, 'data.qcow2'),
    '64M',
  ]);

  await expect(seal()).rejects.toThrow(/overlay on \/golden\/data.qcow2/);
});

test('a disk that somebody still has open is not called broken', async () => {
  const folder = await anInstallation(at.storage, imageId);
  const holder = spawn('qemu-io', ['-f', 'qcow2', join(folder, 'data.qcow2')], { stdio: ['pipe', 'pipe', 'ignore'] });
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  try {
    await expect(seal()).rejects.toSatisfy((fault) => !(fault instanceof DiskBroken) && /lock/.test(String(fault)));
  } finally {
    holder.stdin.end('quit\n');
    await new Promise((resolve) => holder.once('close', resolve));
  }
  await seal();
});

test('where this machine has no qemu-img, it is run elsewhere', async () => {
  await anInstallation(at.storage, imageId);
  const asked: string[] = [];
  const path = process.env.PATH;
  process.env.PATH = '/nowhere';
  try {
    await at.storage.seal(
      { imageId, vmType: '11', containerImage: 'an image' },
      async (args, folder, access) => {
        asked.push(`${args[0]} ${access}`);
        process.env.PATH = path;
        const result = await hostQemuImg(noQemuImg)(args, folder, access);
        process.env.PATH = '/nowhere';
        return result;
      },
      ALONE.confirm,
    );
  } finally {
    process.env.PATH = path;
  }
  expect(asked).toEqual(['info ro', 'check ro', 'create rw']);
  expect(at.storage.whyNotImmutable()).toMatch(/chattr/);
});

test('a deleted image leaves nothing, and deleting it again is fine', async () => {
  imageId = await aGolden(at.storage);

  await at.storage.deleteGolden(imageId);
  await at.storage.deleteGolden(imageId);

  expect(await readdir(at.storage.layout.goldens)).toEqual([]);
  expect(await readdir(at.storage.layout.trash)).toEqual([]);
});

test('the manifest is read as one or refused', async () => {
  imageId = await aGolden(at.storage);
  const manifest = JSON.parse(await readFile(join(at.storage.layout.golden(imageId), 'manifest.json'), 'utf8'));
  expect(manifest).toMatchObject({ formatVersion: 1, imageId, vmType: '11', containerImage: 'an image' });
});
