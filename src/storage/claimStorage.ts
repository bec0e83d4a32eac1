import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { Unavailable } from '../domain/errors.js';
import { errno } from './errno.js';
import type { Layout } from './layout.js';
import { syncPath } from './syncPath.js';

/**
 * Marks the storage as belonging to this deployment, or refuses when it belongs to another one: then nothing is touched.
 * Asked again it looks again. `mayBeNew` is asked when nobody owns the storage: a disk that is not mounted looks like a new one.
 */
export async function claimStorage(
  layout: Layout,
  deployment: string,
  mayBeNew: () => Promise<boolean>,
): Promise<Unavailable | undefined> {
  let owner = await readOwner(layout);
  if (owner === undefined && !(await mayBeNew())) {
    return new Unavailable(
      'storage',
      `the storage at ${layout.root} is empty, but golden images were sealed in it before`,
      'Mount the disk that holds them there, or give the VAPIORC_STORAGE_PATH that they are in.',
    );
  }
  owner ??= await writeOwner(layout, deployment);
  if (owner !== deployment) {
    return new Unavailable(
      'storage',
      `the storage at ${layout.root} belongs to the deployment ${JSON.stringify(owner.slice(0, 100))}, this one is ${JSON.stringify(deployment)}`,
      'Start with the database that this storage was made with, or give another VAPIORC_STORAGE_PATH.',
    );
  }
  for (const folder of [layout.goldens, layout.installs, layout.vms, layout.trash, layout.oem]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  }
  return undefined;
}

async function readOwner(layout: Layout): Promise<string | undefined> {
  try {
    return (await readFile(layout.deploymentFile, 'utf8')).trim();
  } catch (fault) {
    if (errno(fault) === 'ENOENT') return undefined;
    throw fault;
  }
}

/** Answers the name that then stands in the file: of two that race, the first one's. */
async function writeOwner(layout: Layout, deployment: string): Promise<string> {
  await mkdir(layout.root, { recursive: true });
  const draft = `${layout.deploymentFile}.${randomUUID()}`;
  try {
    await writeFile(draft, `${deployment}\n`, { flag: 'wx' });
    await syncPath(draft);
    // A link, unlike an exclusive create, never shows the file half-written.
    await link(draft, layout.deploymentFile).catch(async (fault: unknown) => {
      if (errno(fault) === 'EEXIST') return;
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errno(fault) ?? '')) throw fault;
      await createExclusively(layout.deploymentFile, `${deployment}\n`);
    });
    await syncPath(layout.root);
  } finally {
    await rm(draft, { force: true }).catch(() => {}); // on a read-only disk there is no draft, and the first fault is the one to tell
  }
  return (await readOwner(layout)) ?? deployment;
}

async function createExclusively(path: string, content: string): Promise<void> {
  const handle = await open(path, 'wx').catch((fault: unknown) => {
    if (errno(fault) === 'EEXIST') return undefined;
    throw fault;
  });
  if (!handle) return;
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
