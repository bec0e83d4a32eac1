import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { lstat, mkdir, open, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ALONE } from '../support/alone.js';
import { aGolden, aStorage, type TestStorage } from './aStorage.js';

let at: TestStorage;
let imageId: string;
let vmId: string;
const config = { server: 'http://system.lan:8890', id: 'x', token: 'a=b c%\n', role: 'vm' } as const;
beforeEach(async () => {
  at = await aStorage();
  imageId = await aGolden(at.storage);
  vmId = randomUUID();
});
afterEach(() => at.remove());

test('a clone is an empty overlay on the golden disk with its own writable state files', async () => {
  const folders = await at.storage.clone(imageId, vmId, config, ALONE.confirm);

  expect((await readdir(folders.storage)).toSorted()).toEqual([
    'data.qcow2',
    'windows.args',
    'windows.boot',
    'windows.rom',
    'windows.vars',
    'windows.ver',
  ]);
  const info = JSON.parse(
    execFileSync('qemu-img', ['info', '--output=json', join(folders.storage, 'data.qcow2')], { encoding: 'utf8' }),
  );
  expect(info).toMatchObject({
    'virtual-size': 64 * 2 ** 20,
    'full-backing-filename': '/golden/data.qcow2',
    'backing-filename-format': 'qcow2',
  });
  expect((await stat(join(folders.storage, 'windows.boot'))).size).toBe(0);
  await writeFile(join(folders.storage, 'windows.vars'), 'written by the guest');
  await at.storage.verify(imageId);
  expect(folders.golden).toBe(at.storage.layout.golden(imageId));
});

test('the guest finds its configuration percent-encoded in its shared folder, and nobody else on the host sees it', async () => {
  const folders = await at.storage.clone(imageId, vmId, config, ALONE.confirm);

  expect(await readFile(join(folders.shared, 'guest.cfg'), 'utf8')).toBe(
    'protocol=1\nserver=http%3A%2F%2Fsystem.lan%3A8890\nid=x\ntoken=a%3Db%20c%25%0A\nrole=vm\n',
  );
  expect((await readdir(folders.shared)).toSorted()).toEqual(['guest.cfg', 'in', 'out']);
  expect((await stat(at.storage.layout.vm(vmId))).mode & 0o077).toBe(0);
});

test('a clone takes some MiB at most, whatever the golden disk holds', async () => {
  const { storage } = await at.storage.clone(imageId, vmId, config, ALONE.confirm);

  expect((await stat(join(storage, 'data.qcow2'))).size).toBeLessThan(300_000);
});

test('a clone that was killed in the middle is listed, never taken for whole, and removed', async () => {
  await mkdir(join(at.storage.layout.vms, `${vmId}.partial-${randomUUID()}`, 'storage'), { recursive: true });

  expect(await at.storage.list()).toEqual([{ kind: 'vm', id: vmId }]);
  await at.storage.clone(imageId, vmId, config, ALONE.confirm);
  await at.storage.remove({ kind: 'vm', id: vmId });

  expect(await at.storage.list()).toEqual([]);
  expect(await readdir(at.storage.layout.vms)).toEqual([]);
  expect(await readdir(at.storage.layout.trash)).toEqual([]);
});

test('cloned again under the same id, nothing of the first is left', async () => {
  const { storage } = await at.storage.clone(imageId, vmId, config, ALONE.confirm);
  await writeFile(join(storage, 'left-over'), '');

  await at.storage.clone(imageId, vmId, config, ALONE.confirm);

  expect(await readdir(storage)).not.toContain('left-over');
});

test('a link that the guest made is removed, and what it points to stays', async () => {
  const { shared } = await at.storage.clone(imageId, vmId, config, ALONE.confirm);
  const precious = join(at.path, 'precious');
  await mkdir(precious);
  await writeFile(join(precious, 'file'), 'keep me');
  await symlink(precious, join(shared, 'out', 'link'));
  await symlink(join(precious, 'file'), join(shared, 'in', 'link'));

  await at.storage.remove({ kind: 'vm', id: vmId });

  expect(await readFile(join(precious, 'file'), 'utf8')).toBe('keep me');
  await expect(lstat(at.storage.layout.vm(vmId))).rejects.toThrow(/ENOENT/);
});

test('what this process may not remove is removed by whoever has the right, and asked again it carries on', async () => {
  const { shared } = await at.storage.clone(imageId, vmId, config, ALONE.confirm);
  const file = join(shared, 'out', 'file');
  await writeFile(file, '');
  // Nobody may remove it now, not even root: as it is for another user with what a container's root has made.
  const held = spawnSync('chattr', ['+i', file]).status === 0;
  if (!held) return;

  await expect(at.storage.remove({ kind: 'vm', id: vmId })).rejects.toThrow();
  const left = await readdir(at.storage.layout.trash);
  expect(left.length).toBeGreaterThan(0);
  expect(left.filter((name) => !name.startsWith(vmId))).toEqual([]);
  at.storage.lendRoot(async (folder) => {
    execFileSync('chattr', ['-R', '-i', folder]);
  });
  await at.storage.remove({ kind: 'vm', id: vmId });

  expect(await readdir(at.storage.layout.trash)).toEqual([]);
});

test('folders that the guest made deeper than any path is long are removed with the VM', async () => {
  const { shared } = await at.storage.clone(imageId, vmId, config, ALONE.confirm);
  let folder = await open(join(shared, 'out'), 'r');
  for (let level = 0; level < 200; level++) {
    const below = `/proc/self/fd/${folder.fd}/${'d'.repeat(50)}`;
    await mkdir(below);
    const next = await open(below, 'r');
    await folder.close();
    folder = next;
  }
  await writeFile(`/proc/self/fd/${folder.fd}/file`, 'x');
  await folder.close();

  await at.storage.remove({ kind: 'vm', id: vmId });

  expect(await at.storage.list()).toEqual([]);
  expect(await readdir(at.storage.layout.trash)).toEqual([]);
});

test('one thing in the trash that can not be removed keeps nothing else there', async () => {
  const { trash } = at.storage.layout;
  for (const name of ['a', 'b', 'c']) await mkdir(join(trash, name));
  if (spawnSync('chattr', ['+i', join(trash, 'b')]).status !== 0) return;
  try {
    await at.reopen().claim();
    expect(await readdir(trash)).toEqual(['b']);
  } finally {
    execFileSync('chattr', ['-i', join(trash, 'b')]);
  }
});

test('what a killed removal left in the trash is gone after the next start', async () => {
  await mkdir(join(at.storage.layout.trash, 'something', 'deep'), { recursive: true });

  await at.reopen().claim();

  expect(await readdir(at.storage.layout.trash)).toEqual([]);
});

test.each(['', '..', '../../etc', 'a/b', `${randomUUID()}/..`, randomUUID().toUpperCase(), `${randomUUID()}\n`])(
  'nothing but an id becomes part of a path: %j',
  async (id) => {
    await expect(at.storage.remove({ kind: 'vm', id })).rejects.toThrow(/not an id/);
    await expect(at.storage.deleteGolden(id)).rejects.toThrow(/not an id/);
    await expect(at.storage.clone(imageId, id, config, ALONE.confirm)).rejects.toThrow(/not an id/);
  },
);
