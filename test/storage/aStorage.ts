import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../src/log.js';
import { unprotectGolden } from '../../src/storage/protectGolden.js';
import { createStorage, type Storage } from '../../src/storage/storage.js';
import { ALONE } from '../support/alone.js';

export const log = createLog('silent');
export const config = { server: 'http://system.lan:8890', id: 'an id', token: 'a secret', role: 'golden' } as const;
export const noQemuImg = () => Promise.reject(new Error('qemu-img is looked for elsewhere'));

export interface TestStorage {
  path: string;
  storage: Storage;
  /** What a fresh process would open. */
  reopen: () => Storage;
  remove: () => Promise<void>;
}

export async function aStorage(path?: string): Promise<TestStorage> {
  const root = path ?? (await mkdtemp(join(tmpdir(), 'vapiorc-storage-')));
  const reopen = () => createStorage({ path: root, deployment: 'a deployment', log });
  const storage = reopen();
  return {
    path: root,
    storage,
    reopen,
    async remove() {
      for (const id of await readdir(storage.layout.goldens).catch(() => []))
        await unprotectGolden(storage.layout.golden(id)).catch(() => {}); // one that a test put a file in place of
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** What an installation leaves behind when it was shut down cleanly. Answers its folder. */
export async function anInstallation(storage: Storage, imageId: string, diskMiB = 64): Promise<string> {
  await storage.claim();
  const { folders } = await storage.prepareInstall(imageId, config, null, ALONE.confirm);
  const folder = folders.storage;
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', join(folder, 'data.qcow2'), `${diskMiB}M`]);
  execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -P 0x57 0 4M', join(folder, 'data.qcow2')], { stdio: 'ignore' });
  const files = {
    'windows.boot': '',
    'windows.vars': 'firmware variables',
    'windows.rom': 'firmware',
    'windows.ver': '6.05',
    'windows.mac': '02:00:00:00:00:01',
    'windows.base': 'win11x64.iso',
    'windows.args': '-some argument',
    'win11x64.iso': 'medium',
    'setup.img': 'medium',
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

export async function aGolden(storage: Storage): Promise<string> {
  const imageId = randomUUID();
  await anInstallation(storage, imageId);
  await storage.seal({ imageId, vmType: '11', containerImage: 'an image' }, noQemuImg, ALONE.confirm);
  return imageId;
}
