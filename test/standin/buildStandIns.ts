import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { docker, imageLabel } from './docker.js';

export const STUB_TAG = 'vapiorc-standin-stub:latest';
export const QEMU_TAG = 'vapiorc-standin-qemu:latest';

const label = 'vapiorc.standin.inputs';
const here = fileURLToPath(new URL('.', import.meta.url));

/** Builds the two images unless images of exactly these sources are there. Returns their tags. */
export async function buildStandIns(): Promise<{ stub: string; qemu: string }> {
  const inputs = hashInputs();
  const present = await Promise.all([imageLabel(STUB_TAG, label), imageLabel(QEMU_TAG, label)]);
  if (present.some((hash) => hash !== inputs)) {
    const { buildImage } = await import('./buildImage.js'); // loads esbuild, which a cached build has no use for
    if (present[0] !== inputs) await buildImage('stub', STUB_TAG, `${label}=${inputs}`);
    if (present[1] !== inputs) await buildImage('qemu', QEMU_TAG, `${label}=${inputs}`);
  }
  return { stub: STUB_TAG, qemu: QEMU_TAG };
}

/**
 * A stand-in with other defaults, e.g. `buildVariant('vapiorc-standin-stub:acpi-ignored', { STANDIN_FAULT: 'acpi-ignored' })`.
 * The part of `tag` before the colon names the image that it derives from.
 */
export async function buildVariant(tag: string, env: Readonly<Record<string, string>>): Promise<string> {
  const images = await buildStandIns();
  const base = tag.startsWith(`${images.qemu.split(':')[0]}:`) ? images.qemu : images.stub;
  const key = createHash('sha256')
    .update(`${await imageLabel(base, label)} ${JSON.stringify(env)}`)
    .digest('hex');
  if ((await imageLabel(tag, `${label}.variant`)) === key) return tag;

  const container = await docker('create', base);
  try {
    const changes = Object.entries(env).flatMap(([name, value]) => [
      '--change',
      `ENV ${name}=${JSON.stringify(value)}`,
    ]);
    await docker('commit', ...changes, '--change', `LABEL ${label}.variant=${key}`, container, tag);
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
  return hash.digest('hex');
}
