import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DiskBroken } from '../../src/storage/diskBroken.js';
import { readManifest } from '../../src/storage/manifest.js';
import { unprotectGolden } from '../../src/storage/protectGolden.js';
import { ALONE } from '../support/alone.js';
import { aGolden, aStorage, config, type TestStorage } from './aStorage.js';

let at: TestStorage;
let imageId: string;
let folder: string;
/** Somebody with root on the host takes the protection away before the harm. */
beforeEach(async () => {
  at = await aStorage();
  imageId = await aGolden(at.storage);
  folder = at.storage.layout.golden(imageId);
  await unprotectGolden(folder);
});
afterEach(() => at.remove());

const clone = () => at.storage.clone(imageId, randomUUID(), config, ALONE.confirm);
const disk = () => join(folder, 'data.qcow2');

const harms: [string, () => Promise<unknown>, RegExp][] = [
  [
    'one byte of the disk was changed',
    async () => {
      const file = await open(disk(), 'r+');
      await file.write(Buffer.from([0x58]), 0, 1, 1_000_000);
      await file.close();
    },
    /data\.qcow2 was changed, truncated or replaced: its SHA-256/,
  ],
  [
    'the disk was truncated',
    () => truncate(disk(), 1_000_000),
    /data\.qcow2 was changed, truncated or replaced: it had \d+ bytes .* has 1000000 now/,
  ],
  [
    'the disk was replaced by another of the same size',
    async () => {
      const bytes = await readFile(disk());
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      await writeFile(join(folder, 'new'), bytes);
      await rename(join(folder, 'new'), disk());
    },
    /data\.qcow2 was changed, truncated or replaced/,
  ],
  ['the disk is missing', () => rm(disk()), /data\.qcow2 is missing/],
  [
    'the firmware variables were changed',
    () => writeFile(join(folder, 'windows.vars'), 'FIRMWARE variables'),
    /windows\.vars was changed/,
  ],
  [
    'the overlay of new clones was changed',
    () => truncate(join(folder, 'overlay.qcow2'), 0),
    /overlay\.qcow2 was changed/,
  ],
  [
    'a link stands for the disk',
    async () => {
      await rename(disk(), join(at.path, 'elsewhere'));
      await symlink(join(at.path, 'elsewhere'), disk());
    },
    /not a plain file/,
  ],
  ['the manifest was changed', () => writeFile(join(folder, 'manifest.json'), '{}'), /not a manifest/],
  ['the manifest is missing', () => rm(join(folder, 'manifest.json')), /no manifest/],
  [
    'a folder stands for the manifest',
    async () => {
      await rm(join(folder, 'manifest.json'));
      await mkdir(join(folder, 'manifest.json'));
    },
    /not a manifest/,
  ],
  ['the folder is missing', () => rm(folder, { recursive: true }), /golden image is missing/],
  [
    'a file stands for the folder',
    async () => {
      await rm(folder, { recursive: true });
      await writeFile(folder, '');
    },
    /golden image is missing/,
  ],
];

test.each(harms)('no clone is made when %s', async (_what, harm, why) => {
  await clone();

  await harm();

  const refusal = await clone().catch((fault: unknown) => fault);
  expect(refusal).toBeInstanceOf(DiskBroken);
  expect((refusal as Error).message).toMatch(why);
  // From then on a look is enough to know it.
  expect(await at.storage.goldenProblem(imageId)).toBe((refusal as Error).message);
});

test('a look shows what is missing, and that it is back', async () => {
  expect(await at.storage.goldenProblem(imageId)).toBeUndefined();
  await rename(disk(), join(at.path, 'away'));
  expect(await at.storage.goldenProblem(imageId)).toMatch(/data\.qcow2 is missing/);
  await rename(join(at.path, 'away'), disk());
  expect(await at.storage.goldenProblem(imageId)).toBeUndefined();
});

test('what keeps from looking is what is wrong with it, whatever that is', async () => {
  await rename(join(folder, 'manifest.json'), join(at.path, 'away'));
  await symlink('manifest.json', join(folder, 'manifest.json'));
  expect(await at.storage.goldenProblem(imageId)).toMatch(/can't be looked at: ELOOP/);
  await rename(join(at.path, 'away'), join(folder, 'manifest.json'));
  expect(await at.storage.goldenProblem(imageId)).toBeUndefined();
});

test('a changed disk that was read once is not read again for each clone, and a right one in its place is', async () => {
  const right = join(at.path, 'right');
  await copyFile(disk(), right);
  const file = await open(disk(), 'r+');
  await file.write(Buffer.from([0x58]), 0, 1, 1_000_000);
  await file.close();
  const first = await clone().catch((fault: unknown) => fault);
  expect(first).toBeInstanceOf(DiskBroken);
  expect(await clone().catch((fault: unknown) => fault)).toBe(first);

  await rename(right, disk());
  expect(await at.storage.goldenProblem(imageId)).toBeUndefined();
  await clone();
});

test('an image that was made writable is made read-only again by the next look', async () => {
  await chmod(disk(), 0o644);
  expect(await at.storage.goldenProblem(imageId)).toBeUndefined();
  expect((await stat(disk())).mode & 0o222).toBe(0);
});

test('an image whose files were moved is read whole once, and then trusted again', async () => {
  const before = await readManifest(folder);
  await cp(folder, join(at.path, 'copy'), { recursive: true });
  await rm(folder, { recursive: true });
  await rename(join(at.path, 'copy'), folder);

  await clone();

  const after = await readManifest(folder);
  expect(after?.disk.sha256).toBe(before?.disk.sha256);
  expect(after?.disk.ino).not.toBe(before?.disk.ino);
  expect((await at.storage.verify(imageId)).disk).toEqual(after?.disk);
});

test('several clones that find the image moved at once all get it', async () => {
  await copyFile(disk(), join(folder, 'new'));
  await rename(join(folder, 'new'), disk());

  await Promise.all([clone(), clone(), clone()]);
});

test('reading a golden disk does not count as a change', async () => {
  execFileSync('sha256sum', [disk()]);
  const manifest = await at.storage.verify(imageId);
  expect(manifest.imageId).toBe(imageId);
});
