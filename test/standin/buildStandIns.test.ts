import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { buildStandIns, removeUnused, STUB_TAG } from './buildStandIns.js';
import { docker, hasImage } from './docker.js';

const label = `vapiorc.test.${randomBytes(4).toString('hex')}`;
const DAY_MS = 24 * 60 * 60 * 1000;
const tag = (name: string) => `${label}:${name}`;
const made: string[] = [];
let container = '';
afterAll(async () => {
  if (container) await docker('rm', '-f', container);
  for (const image of made) await docker('rmi', '-f', image).catch(() => {});
});

/** An image that says of itself when it was made, with one file in it. */
async function anImage(name: string, ageMs: number, Labels: Record<string, string>): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'standin-old-'));
  try {
    mkdirSync(join(folder, 'root'));
    writeFileSync(join(folder, 'root', name), name);
    execFileSync('tar', ['-C', join(folder, 'root'), '-cf', join(folder, 'layer.tar'), '.']);
    const layer = execFileSync('sha256sum', [join(folder, 'layer.tar')], { encoding: 'utf8' }).slice(0, 64);
    const config = JSON.stringify({
      created: new Date(Date.now() - ageMs).toISOString(),
      os: 'linux',
      architecture: 'amd64',
      config: { Labels, Cmd: ['/none'] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
    });
    const file = `${createHash('sha256').update(config).digest('hex')}.json`;
    writeFileSync(join(folder, file), config);
    const manifest = [{ Config: file, RepoTags: [tag(name)], Layers: ['layer.tar'] }];
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
    execFileSync('tar', ['-C', folder, '-cf', join(folder, 'image.tar'), 'manifest.json', file, 'layer.tar']);
    await docker('load', '-q', '-i', join(folder, 'image.tar'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  made.push(tag(name));
  return tag(name);
}

test('a build leaves no stand-ins of a day ago behind, but what is in use, young or not ours', async () => {
  const old = await anImage('old', 2 * DAY_MS, { [label]: 'stub' });
  const young = await anImage('young', DAY_MS / 2, { [label]: 'stub' });
  const foreign = await anImage('foreign', 2 * DAY_MS, {});
  const used = await anImage('used', 2 * DAY_MS, { [label]: 'stub' });
  container = await docker('create', used);

  await removeUnused(label);

  const left = await Promise.all([old, young, foreign, used].map(hasImage));
  expect(left).toEqual([false, true, true, true]);
});

test('the stand-ins carry the label by which they are found', async () => {
  await buildStandIns();
  expect(await docker('image', 'inspect', '--format', '{{json .Config.Labels}}', STUB_TAG)).toContain(
    '"vapiorc.standin":"stub"',
  );
});
