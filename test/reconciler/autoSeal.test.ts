import { afterEach, beforeEach, expect, test } from 'vitest';
import { markGoldenImageReady } from '../../src/actions/image/changeGoldenImage.js';
import { createGoldenImage } from '../../src/actions/image/createGoldenImage.js';
import { setPool } from '../../src/actions/pool/setPool.js';
import type { GoldenImage } from '../../src/db/images.js';
import { aDockerHost, type DockerHost } from '../provisioner/aDockerHost.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';
import { until } from '../support/until.js';

let world: StepWorld;
let host: DockerHost | undefined;
beforeEach(() => {
  host = undefined;
});
afterEach(async () => {
  await world?.close();
  await host?.remove();
});

const image = async (id: string) => (await world.db.goldenImage.findUnique({ where: { id } })) as GoldenImage;
async function requested(): Promise<string> {
  const made = await createGoldenImage(world, { vmType: '11' });
  if (made instanceof Error) throw made;
  return made.id;
}
const is = (status: GoldenImage['status'], id: string) =>
  until(`the image is ${status}`, async () => {
    const now = await image(id);
    if (now.status === 'FAILED') throw new Error(now.reason ?? '');
    return now.status === status && now;
  });

test('what the guest says to be installed is sealed by itself, and its spares wait for no tick', async () => {
  world = await createStepWorld();
  world.reconcile();

  const { startedAt, installedAt, readyAt } = await is('READY', await requested());

  expect(Number(startedAt)).toBeLessThanOrEqual(Number(installedAt));
  expect(Number(installedAt)).toBeLessThanOrEqual(Number(readyAt));
  const ready = await until('both spares are ready', async () => {
    const vms = await world.db.vm.findMany({ where: { status: 'READY', hotSpare: true } });
    return vms.length === 2 && vms;
  });
  // Ticks come every 10 s.
  for (const vm of ready) expect(Number(vm.readyAt) - Number(readyAt)).toBeLessThan(3_000);
});

test('the manual step still works, on a guest that says nothing', async () => {
  host = await aDockerHost(); // no install.bat, so nobody reports
  world = await createStepWorld({ provisioner: host.provisioner });
  await setPool(world, { vmType: '11', hotSpares: 0 });
  world.reconcile();
  const id = await requested();
  await is('INSTALLING', id);
  await host.ask({ kind: 'golden', id }, 'read .stage');

  expect(await markGoldenImageReady(world, { id })).toMatchObject({ status: 'SEALING' });

  const { installedAt, sha256 } = await is('READY', id);
  expect(installedAt).not.toBeNull();
  expect(sha256).toMatch(/^[0-9a-f]{64}$/);
});
