import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildStandIns, QEMU_TAG, STUB_TAG } from './buildStandIns.js';
import { docker } from './docker.js';
import { installQuickly } from './support/folders.js';
import { RfbViewer } from './support/rfbViewer.js';
import { ask, Sandbox, waitFor } from './support/sandbox.js';

const sandbox = new Sandbox();

beforeAll(async () => {
  await buildStandIns();
}, 300_000);

afterAll(() => sandbox.clear(), 60_000);

/** Until the guest has written it down. */
const waitForValue = (host: string, name: string, value: string) =>
  waitFor(`${name}=${value}`, 20_000, async () =>
    (await ask(host, `read ${name}`)) === `ok ${value}` ? true : undefined,
  );

describe.each([
  ['the stub', STUB_TAG],
  ['the tiny guest in QEMU', QEMU_TAG],
] as const)('the screen of %s', (_name, image) => {
  let id = '';
  let host = '';
  let storage = '';

  beforeAll(async () => {
    storage = sandbox.makeFolder('storage');
    id = await sandbox.start({ image, storage, env: image === STUB_TAG ? installQuickly : {} });
    host = await sandbox.address(id);
    await ask(host, 'counter', 120_000);
  }, 150_000);

  test('changes when keys are typed, and the guest knows which', async () => {
    const viewer = await RfbViewer.open(host);
    const before = await viewer.picture();
    expect(before).toHaveLength(viewer.width * viewer.height * 4);
    expect(new Set(before).size).toBeGreaterThan(1); // not of one colour
    for (const letter of 'hello') viewer.key(letter.charCodeAt(0));
    if (image === STUB_TAG) await waitForValue(host, '.keys', 'hello');
    viewer.key(0xff0d);
    if (image === QEMU_TAG) await waitForValue(host, '.keys', 'hello');
    else await waitForValue(host, '.keys', 'hello<ff0d>');
    expect((await viewer.picture()).equals(before)).toBe(false);
    viewer.close();
  }, 40_000);

  test('knows where the pointer is and which buttons are down', async () => {
    const viewer = await RfbViewer.open(host);
    const [x, y] = [Math.floor(viewer.width / 4), Math.floor(viewer.height / 2)];
    viewer.pointer(x, y, 0);
    viewer.pointer(x, y, 1);
    await waitFor('the pointer', 20_000, async () => {
      const [, left, top, buttons] = /^ok (\d+),(\d+),(\d+)$/.exec(await ask(host, 'read .pointer')) ?? [];
      const near = Math.abs(Number(left) - x) <= 2 && Math.abs(Number(top) - y) <= 2;
      return near && buttons === '1' ? true : undefined;
    });
    viewer.pointer(x, y, 0);
    viewer.close();
  }, 40_000);

  test('is dumped by the monitor, as PPM and as PNG', async () => {
    const tell = (command: string) =>
      docker('exec', id, 'sh', '-c', `echo '${command}' | nc -q1 -w1 -U /run/shm/monitor.sock`);
    await tell('screendump /storage/screen.ppm');
    const size = /^P6\n(\d+) (\d+)\n255\n/.exec(readFileSync(join(storage, 'screen.ppm'), 'latin1'));
    expect(Number(size?.[1])).toBeGreaterThanOrEqual(320);
    await tell('screendump /storage/screen.png -f png');
    const png = readFileSync(join(storage, 'screen.png'));
    expect(png.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a');
    const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
    expect([width, height]).toEqual([Number(size?.[1]), Number(size?.[2])]);
    if (image === QEMU_TAG) return; // its rows are QEMU's business
    const length = png.readUInt32BE(33);
    expect(inflateSync(png.subarray(41, 41 + length))).toHaveLength(height * (1 + width * 3));
  });
});

describe('the VNC server of the stub', () => {
  test('sends what is asked for: other formats, and a change only when there is one', async () => {
    const storage = sandbox.makeFolder('storage');
    const id = await sandbox.start({ image: STUB_TAG, storage, env: installQuickly });
    const host = await sandbox.address(id);
    await ask(host, 'counter');
    const viewer = await RfbViewer.open(host);
    expect([viewer.width, viewer.height]).toEqual([320, 200]);
    const little = await viewer.picture();
    viewer.setPixelFormat([16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0]);
    const small = await viewer.picture(2);
    expect(small).toHaveLength(320 * 200 * 2);
    // The first pixel is of the taskbar: 0078d7, in five, six and five bits.
    expect(small.readUInt16LE(0)).toBe((Math.round((0x78 * 63) / 255) << 5) | Math.round((0xd7 * 31) / 255));
    viewer.setPixelFormat([32, 24, 1, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0]);
    const big = await viewer.picture();
    expect(big.swap32().equals(little)).toBe(true);

    let seen = false;
    const change = viewer.picture(4, true).then(() => {
      seen = true;
    });
    await ask(host, 'counter');
    expect(seen).toBe(false);
    viewer.key(0x61);
    await change;
    viewer.close();
  }, 30_000);
});
