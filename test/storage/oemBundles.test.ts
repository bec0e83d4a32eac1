import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Conflict, Unavailable } from '../../src/domain/errors.js';
import { DiskBroken } from '../../src/storage/diskBroken.js';
import { createStorage, type Storage } from '../../src/storage/storage.js';
import { ALONE } from '../support/alone.js';
import { bytes } from './aShare.js';
import { aStorage, config, log, type TestStorage } from './aStorage.js';

let here: TestStorage;
let storage: Storage;
beforeEach(async () => {
  here = await aStorage();
  storage = here.storage;
});
afterEach(() => here.remove());

const put = async (bundle: string, path: string, content: string | Uint8Array) => {
  const result = await storage.oemBundles.files(bundle).write(path.split('/'), bytes(content), { replace: true });
  if (result instanceof Error) throw result;
};
const filesOf = async (bundle: string) =>
  (await storage.oemBundles.get(bundle))?.files.map(({ path, size }) => `${path.join('/')} ${size}`);

test('a bundle is its files: there with the first, gone with the last', async () => {
  expect(await storage.oemBundles.list()).toEqual([]);
  await put('office', 'setup.exe', 'abc');
  await put('office', 'data/deep/x', 'x');
  await put('a.b-c_d', '10-first.cmd', '');

  expect((await storage.oemBundles.list()).map(({ name }) => name)).toEqual(['a.b-c_d', 'office']);
  expect(await filesOf('office')).toEqual(['data/deep/x 1', 'setup.exe 3']);
  await storage.oemBundles.files('a.b-c_d').remove(['10-first.cmd'], false);
  expect(await storage.oemBundles.get('a.b-c_d')).toBeUndefined();
  expect(await storage.oemBundles.remove('office')).toBe(true);
  expect(await storage.oemBundles.remove('office')).toBe(false);
  expect(await storage.oemBundles.list()).toEqual([]);
});

test('two names that are one to Windows are a conflict', async () => {
  await put('office', 'Data/Setup.exe', 'abc');

  expect(await storage.oemBundles.clash('office', ['data', 'setup.EXE'])).toBeInstanceOf(Conflict);
  expect(await storage.oemBundles.clash('office', ['Data', 'Setup.exe'])).toBeUndefined();
  expect(await storage.oemBundles.clash('office', ['Data', 'other.exe'])).toBeUndefined();
});

test('an installation gets its own copy below ours, with the line ends of Windows', async () => {
  const oemPath = join(here.path, 'ours');
  await mkdir(oemPath);
  await writeFile(join(oemPath, 'install.bat'), 'ours\n');
  storage = createStorage({ path: join(here.path, 'storage'), deployment: 'a deployment', oemPath, log });
  const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('[HKLM]\n\u0a0a', 'utf16le')]);
  await put('mine', '10-run.cmd', 'one\ntwo\r\nthree\rfour\n');
  await put('mine', 'sub/20-Run.BAT', Buffer.from('gr\xfcn\n', 'latin1'));
  await put('mine', 'a.reg', utf16);
  await put('mine', 'install.bat', 'the user’s\n');
  await put('mine', 'data.txt', 'one\n');

  const prepared = await storage.prepareInstall(randomUUID(), config, 'mine', ALONE.confirm);
  expect(prepared.oem).toEqual({ asciiNames: true });
  const { oem = '' } = prepared.folders;
  await put('mine', 'data.txt', 'changed later');

  expect((await readdir(oem)).toSorted()).toEqual(['custom', 'install.bat']);
  expect(await readFile(join(oem, 'install.bat'), 'utf8')).toBe('ours\n');
  const custom = (name: string) => readFile(join(oem, 'custom', name));
  expect(String(await custom('10-run.cmd'))).toBe('one\r\ntwo\r\nthree\rfour\r\n');
  expect((await custom('sub/20-Run.BAT')).toString('latin1')).toBe('gr\xfcn\r\n');
  expect((await custom('a.reg')).equals(utf16)).toBe(true);
  expect(String(await custom('install.bat'))).toBe('the user’s\r\n');
  expect(String(await custom('data.txt'))).toBe('one\n');
});

test('without a bundle nothing of the user’s comes along', async () => {
  await storage.claim();
  await put('mine', 'x.cmd', 'x');
  const { folders, oem } = await storage.prepareInstall(randomUUID(), config, null, ALONE.confirm);
  expect(folders).not.toHaveProperty('oem');
  expect(oem).toBeUndefined();
});

test('a bundle that went before the installation began breaks it, in words', async () => {
  await storage.claim();
  await expect(storage.prepareInstall(randomUUID(), config, 'gone', ALONE.confirm)).rejects.toThrow(DiskBroken);
});

test('the storage of another deployment gets no bundle', async () => {
  await storage.claim();
  const other = createStorage({ path: here.path, deployment: 'another', log });
  const writing = other.oemBundles.files('mine').write(['x'], bytes('x'), { replace: true });

  await expect(writing).rejects.toBeInstanceOf(Unavailable);
  expect(await storage.oemBundles.list()).toEqual([]);
});

test('no name of a bundle becomes a path that leads elsewhere', async () => {
  for (const name of ['..', '.', '', 'a/b', '.uploads', 'A', 'x'.repeat(65), '../golden'])
    await expect(storage.oemBundles.get(name)).rejects.toThrow('not a bundle');
});
