import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { deleteGoldenImage } from '../../src/actions/image/changeGoldenImage.js';
import { createGoldenImage } from '../../src/actions/image/createGoldenImage.js';
import { type GoldenImage, getImage } from '../../src/db/images.js';
import { reportInstallFailed } from '../../src/guest/reportInstallFailed.js';
import { createLog } from '../../src/log.js';
import { reconcileImage } from '../../src/reconciler/image.js';
import { createStorage } from '../../src/storage/storage.js';
import { noteInstallStep } from '../../src/transitions/noteProgress.js';
import { reportInstalled } from '../../src/transitions/reportGuest.js';
import { aDockerHost, type DockerHost, docker } from '../provisioner/aDockerHost.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';
import { until } from '../support/until.js';

/** One step of the reconciler at a time, on real containers; the clock is the test's. */
let host: DockerHost;
let world: StepWorld;
let aheadMs = 0;
let oemPath: string;
beforeAll(async () => {
  host = await aDockerHost();
  oemPath = join(host.path, 'oem');
  await mkdir(oemPath);
});
afterAll(() => host?.remove());
beforeEach(async () => {
  aheadMs = 0;
  const storage = createStorage({ path: host.path, deployment: host.deployment, oemPath, log: createLog('silent') });
  world = await createStepWorld({
    provisioner: host.another({}, { storage }),
    now: () => new Date(Date.now() + aheadMs),
    installTimeoutMs: 60 * 60_000,
  });
});
afterEach(() => world?.close());

const row = async (id: string) => (await getImage(world.db, id)) as GoldenImage;
const step = async (id: string) => {
  await reconcileImage(world.deps, id);
  return row(id);
};
const told = (goldenImageId: string, kind: string) =>
  world.db.event.findMany({ where: { goldenImageId, kind }, orderBy: { seq: 'asc' } });
const screenshot = (goldenImageId: string) => world.db.installScreenshot.findUnique({ where: { goldenImageId } });

/** An installation, stepped until `there`. The knobs are the stand-in's. */
async function installed(
  knobs: string,
  there: (image: GoldenImage) => boolean | Promise<boolean>,
  over: Partial<GoldenImage> = {},
): Promise<string> {
  await writeFile(join(oemPath, 'install.bat'), '@echo off\r\n');
  await writeFile(join(oemPath, 'standin.env'), knobs);
  const image = await createGoldenImage(world, { vmType: '11' });
  if (image instanceof Error) throw image;
  await world.db.goldenImage.update({ where: { id: image.id }, data: over });
  await until('the installation is there', async () => there(await step(image.id)));
  return image.id;
}
const isSilent = ({ phase, message }: GoldenImage) => phase === 'SETUP' && message === 'Windows is being set up';

test('a standstill is told once, with what to look at; a move ends it, and the next one is told again', async () => {
  const id = await installed('STANDIN_FAULT=hang-setup\n', isSilent);
  const { endpoint } = await row(id);
  await writeFile(
    join(host.storage.layout.install(id), 'shared', 'install.log'),
    `${'a line\r\n'.repeat(20)}\u001b[31mcopying drivers\u0007\r\n`,
  );
  expect(await step(id)).toMatchObject({ stuck: null });

  aheadMs += 2 * 60_000;
  const { stuck } = await step(id);

  expect(stuck).toContain(
    `nothing has moved for 2 min in phase SETUP (Windows is being set up): look at its screen at http://localhost:${endpoint}`,
  );
  // The guest image says so until its boot is judged; once is enough for who reads.
  expect(
    stuck?.match(/failed to inspect disk "\/storage\/data.qcow2", assuming it contains data\. \(\d+ times\)$/gm),
  ).toHaveLength(1);
  expect(stuck?.match(/failed to inspect disk/g)).toHaveLength(1);
  expect(stuck).toMatch(
    /The log of its container ends:\n(.+\n)+The install.log of its guest ends:\na line \(20 times\)\ncopying drivers$/,
  );
  expect(stuck).toContain('❯');
  expect(stuck).not.toMatch(/[^\P{Cc}\n]/u);
  expect((await step(id)).stuck).toBe(stuck);
  expect(await told(id, 'GOLDEN_IMAGE_STUCK')).toMatchObject([
    { actor: 'reconciler', reason: stuck, data: { phase: 'SETUP', stillSeconds: expect.any(Number) } },
  ]);

  aheadMs = 0;
  await noteInstallStep(world, id, { step: 'Copy the agent', done: 1, of: 4 });
  expect(await step(id)).toMatchObject({ stuck: null, phase: 'CONFIGURING', message: 'Copy the agent' });

  aheadMs += 10 * 60_000;
  expect((await step(id)).stuck).toContain('in phase CONFIGURING (Copy the agent)');
  expect(await told(id, 'GOLDEN_IMAGE_STUCK')).toHaveLength(2);
  await world.deps.provisioner.destroy({ kind: 'golden', id });
});

test('the silent setup creeps, and creeping does not hide a standstill', async () => {
  const id = await installed('STANDIN_FAULT=hang-setup\n', isSilent);
  const progress: number[] = [];
  for (let minute = 0; minute < 6; minute++) {
    aheadMs += 60_000;
    progress.push((await step(id)).progress ?? -1);
  }
  expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  expect(new Set(progress).size).toBe(6);
  expect((await row(id)).stuck).not.toBeNull();
  await world.deps.provisioner.destroy({ kind: 'golden', id });
});

test('the progress of a whole installation never goes back, and what it took is remembered', async () => {
  const id = await installed('STANDIN_INSTALL_MS=1500\n', isSilent);
  await until(
    'the guest is done',
    async () => (await host.ask({ kind: 'golden', id }, 'read .stage')) === 'ok complete',
  );
  await noteInstallStep(world, id, { step: 'Done', done: 4, of: 4 });
  expect(await row(id)).toMatchObject({ progress: 0.99, startedAt: expect.any(Date), installedAt: null });
  await reportInstalled(world, id);
  const sealed = await until('it is sealed', async () => {
    const image = await step(id);
    return image.status !== 'SEALING' && image;
  });

  expect(sealed).toMatchObject({ status: 'READY', progress: 1, phase: null, stuck: null });
  const { startedAt, installedAt, readyAt } = sealed;
  expect(Number(startedAt)).toBeLessThan(Number(installedAt));
  expect(Number(installedAt)).toBeLessThan(Number(readyAt));
  const events = (await told(id, 'GOLDEN_IMAGE_PROGRESS')).map(
    ({ data }) => data as { phase: string; progress: number; message: string },
  );
  const shares = events.map(({ progress }) => progress);
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(new Set(events.map(({ phase }) => phase)).size).toBeGreaterThanOrEqual(4);
  expect(events.some(({ message }) => /^Downloading .* \(\d+(\.\d)?%\)$/.test(message))).toBe(true);
});

test('an installation that fails says how its log ended', async () => {
  const id = await installed('STANDIN_FAULT=download\n', ({ status }) => status === 'FAILED');

  expect((await row(id)).reason).toMatch(
    /^its container ended: .* \(exit code 68\)\nThe log of its container ends:\n(.+\n)*.*ERROR.*download/i,
  );
});

test('an own medium that cannot be had is told as that', async () => {
  const id = await installed('STANDIN_FAULT=download\n', ({ status }) => status === 'FAILED', {
    isoUrl: 'https://me:secret@example.invalid/w.iso?sig=secret',
  });

  const { reason } = await row(id);
  expect(reason).toMatch(/^its container ended: the installation medium could not be downloaded from its URL /);
  expect(reason).toContain('Failed to download https://***@example.invalid/w.iso?*** with');
  expect(
    JSON.stringify(await world.db.event.findMany(), (_key, value) => (typeof value === 'bigint' ? 0 : value)),
  ).not.toContain('secret');
});

test('one whose guest says that it failed, too, before all of it is removed', async () => {
  const id = await installed('STANDIN_FAULT=hang-setup\n', isSilent);
  await writeFile(join(host.storage.layout.install(id), 'shared', 'install.log'), 'vapiorc: FAILED\r\n');
  await reportInstallFailed(world, id, { step: 'Drivers', reason: 'exit code 3' });

  const { reason, cleanedAt } = await step(id);

  expect(cleanedAt).not.toBeNull();
  expect(reason).toMatch(
    /^install.bat failed at step "Drivers": exit code 3\nThe log of its container ends:\n(.+\n)+The install.log of its guest ends:\nvapiorc: FAILED$/,
  );
});

test('one that does not end in time, too', async () => {
  const id = await installed('STANDIN_FAULT=hang-setup\n', isSilent);
  aheadMs += 60 * 60_000;

  expect((await step(id)).reason).toMatch(
    /^the installation did not end within 60 min\nThe log of its container ends:\n/,
  );
});

test('a guest that shuts itself down without a word is not sealed', async () => {
  const id = await installed(
    'STANDIN_FAULT=no-report\nSTANDIN_POWEROFF_AFTER_INSTALL=Y\n',
    ({ status }) => status === 'FAILED',
  );

  expect((await row(id)).reason).toMatch(/^its container ended before its guest said that all is installed/);
});

test('one that shuts itself down right after its report is', async () => {
  const id = await installed('STANDIN_FAULT=no-report\nSTANDIN_POWEROFF_AFTER_INSTALL=Y\n', isSilent);
  await reportInstalled(world, id);
  await until('its container has ended', async () => {
    const machine = await world.deps.provisioner.inspect({ kind: 'golden', id });
    return machine?.state === 'exited';
  });

  expect(await step(id)).toMatchObject({ status: 'READY' });
});

test('a guest that ignores the power button is not sealed, and the reason says what to do', async () => {
  const id = await installed('STANDIN_FAULT=acpi-ignored\nSTANDIN_SPEED=200\n', isSilent);
  await until(
    'the guest is done',
    async () => (await host.ask({ kind: 'golden', id }, 'read .stage')) === 'ok complete',
  );
  await reportInstalled(world, id);

  const image = await step(id);

  expect(image.status).toBe('FAILED');
  expect(image.reason).toMatch(/(sending SIGTERM|Forcefully terminating).*VAPIORC_STOP_TIMEOUT_SECONDS/);
});

test('what the screen shows is kept every 30 s, outlives a failure, and goes with the image', async () => {
  const id = await installed('STANDIN_FAULT=hang-setup\n', isSilent);
  const first = await until('a screenshot', async () => {
    await step(id);
    aheadMs += 30_000;
    return (await screenshot(id)) ?? undefined;
  });
  expect(Buffer.from(first.png).subarray(1, 4).toString()).toBe('PNG');
  await step(id);
  const second = await until('a newer one', async () => {
    aheadMs += 30_000;
    await step(id);
    const now = await screenshot(id);
    return now !== null && now.takenAt > first.takenAt && now;
  });
  await step(id);
  expect((await screenshot(id))?.takenAt).toEqual(second.takenAt); // not 30 s later

  await docker.getContainer(`vapiorc_golden_${id}`).kill();
  expect(await step(id)).toMatchObject({ status: 'FAILED' });
  expect(await screenshot(id)).not.toBeNull();

  await deleteGoldenImage(world, { id });
  expect(await screenshot(id)).toBeNull();
});
