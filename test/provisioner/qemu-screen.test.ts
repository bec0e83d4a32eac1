import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chordOfCharacter, parseChord } from '../../src/domain/keys.js';
import type { Screenshot } from '../../src/domain/screen.js';
import type { MachineRef } from '../../src/provisioner/provisioner.js';
import { QEMU_TAG } from '../standin/buildStandIns.js';
import { until } from '../support/until.js';
import { aDockerHost, type DockerHost } from './aDockerHost.js';
import { decodePng } from './decodePng.js';

/** A real QEMU without KVM takes its time. */
const BOOT_LIMIT_MS = 120_000;

let host: DockerHost;
beforeAll(async () => {
  host = await aDockerHost({ image: QEMU_TAG });
});
afterAll(() => host?.remove());

/** How many pixels are not black. */
function lit(shot: Screenshot): number {
  const { width, height, at } = decodePng(shot.png);
  let count = 0;
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) if (at(x, y) !== 0) count++;
  return count;
}

test('a real QEMU shows what its guest does, and its guest reads every key as it was meant', {
  timeout: 300_000,
}, async () => {
  const { provisioner } = host;
  const spec = await host.installSpec();
  const ref: MachineRef = { kind: 'golden', id: spec.id };
  await provisioner.install({ ...spec, diskGiB: 32 }, () => {});
  await until(
    'the installation is done',
    async () => (await host.ask(ref, 'read .stage', BOOT_LIMIT_MS)) === 'ok complete',
    BOOT_LIMIT_MS,
  );
  const type = (text: string) => Array.from(text, (character) => chordOfCharacter(character) ?? []);
  const read = (line: string) =>
    until(`"${line}" was read`, async () => (await host.ask(ref, 'read .keys')) === `ok ${line}`);
  const before = (await provisioner.screenshot(ref)) as Screenshot;
  expect([before.width, before.height]).toEqual([720, 400]); // text mode
  expect(lit(before)).toBeGreaterThan(1000);

  const all = Array.from({ length: 0x5f }, (_none, at) => String.fromCharCode(0x20 + at)).join('');
  const line = `x${all}x`;
  expect(await provisioner.press(ref, type(`${line}\n`))).toBeUndefined();

  await read(line);
  const after = (await provisioner.screenshot(ref)) as Screenshot;
  expect(lit(after)).toBeGreaterThan(lit(before) + 500);
  if (process.env.VAPIORC_TEST_SCREENSHOT) await writeFile(process.env.VAPIORC_TEST_SCREENSHOT, after.png);

  // Chords as well: Shift from a chord, and none of the Caps Lock that QEMU presses by itself where it thinks that it must.
  const chords = ['shift+a', 'B', 'shift+1', 'c', 'backspace', 'space', 'shift+z', 'enter'].map(
    (name) => parseChord(name) ?? [],
  );
  expect(await provisioner.press(ref, chords)).toBeUndefined();
  await read('Ab! Z');

  expect(await provisioner.click(ref, { x: 719, y: 399, button: 'RIGHT', count: 2 })).toBeUndefined();
  expect(await provisioner.click(ref, { x: 720, y: 0, button: 'LEFT', count: 1 })).toMatchObject({ field: 'x' });
  expect(await provisioner.press(ref, type('Still here\n'))).toBeUndefined();
  await read('Still here');
});
