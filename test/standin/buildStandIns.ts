import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { docker, hasImage } from './docker.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const inputs = hashInputs();

/** Each state of the sources has images of its own: checkouts on one machine do not build over each other's. */
export const STUB_TAG = `vapiorc-standin-stub:${inputs}`;
export const QEMU_TAG = `vapiorc-standin-qemu:${inputs}`;

/** Sees that the two images of these sources are there. Returns their tags. */
export async function buildStandIns(): Promise<{ stub: string; qemu: string }> {
  if (!(await areThere())) {
    // Whoever builds holds the lock: two builds at once would fail on the cache that they share.
    const build = ['npx', 'tsx', join(here, 'build.ts'), '--locked'];
    await promisify(execFile)('flock', [join(tmpdir(), 'vapiorc-standin.lock'), ...build], {
      cwd: here,
      maxBuffer: 1024 ** 2,
    });
  }
  return { stub: STUB_TAG, qemu: QEMU_TAG };
}

/** Only with the lock held. */
export async function buildMissing(): Promise<void> {
  if (await areThere()) return;
  const { buildImage, LABEL } = await import('./buildImage.js'); // loads esbuild, which a cached build has no use for
  if (!(await hasImage(STUB_TAG))) await buildImage('stub', STUB_TAG);
  if (!(await hasImage(QEMU_TAG))) await buildImage('qemu', QEMU_TAG);
  await removeUnused(LABEL);
}

/** Images of sources as they were: those of a day ago that no container has. Other checkouts here have younger ones, or build theirs again. */
export async function removeUnused(label: string): Promise<void> {
  await docker('image', 'prune', '--all', '--force', '--filter', `label=${label}`, '--filter', 'until=24h');
}

async function areThere(): Promise<boolean> {
  return (await Promise.all([STUB_TAG, QEMU_TAG].map(hasImage))).every(Boolean);
}

/** A stand-in with other defaults, e.g. `buildVariant('stub', 'acpi-ignored', { STANDIN_FAULT: 'acpi-ignored' })`. Returns its tag. */
export async function buildVariant(
  kind: 'stub' | 'qemu',
  name: string,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const base = (await buildStandIns())[kind];
  const key = createHash('sha256').update(JSON.stringify(env)).digest('hex').slice(0, 8);
  const tag = `${base}-${name}-${key}`;
  if (await hasImage(tag)) return tag;

  const container = await docker('create', base);
  try {
    const changes = Object.entries(env).flatMap(([variable, value]) => [
      '--change',
      `ENV ${variable}=${JSON.stringify(value)}`,
    ]);
    await docker('commit', ...changes, container, tag);
  } finally {
    await docker('rm', '-f', '-v', container);
  }
  return tag;
}

function hashInputs(): string {
  const hash = createHash('sha256').update(process.version);
  const files = readdirSync(here, { recursive: true, encoding: 'utf8' }).sort();
  for (const file of files) {
    if (/^support\/|\.test\.ts$/.test(file) || !/(\.ts|guest\/.+)$/.test(file)) continue;
    hash.update(`\0${file}\0`).update(readFileSync(join(here, file)));
  }
  return hash.digest('hex').slice(0, 12);
}
