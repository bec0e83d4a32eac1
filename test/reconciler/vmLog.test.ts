import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { getVm, type Vm } from '../../src/db/vms.js';
import { reconcileVm } from '../../src/reconciler/vm.js';
import { reportVmReady } from '../../src/transitions/reportGuest.js';
import { aDockerHost, type DockerHost, docker, STUB } from '../provisioner/aDockerHost.js';
import { anImage, aVm } from '../support/rows.js';
import { createStepWorld, type StepWorld } from '../support/stepWorld.js';
import { until } from '../support/until.js';

/** One step of the reconciler at a time, on real containers. */
let host: DockerHost;
let goldenImageId: string;
let world: StepWorld;
beforeAll(async () => {
  host = await aDockerHost();
  goldenImageId = await host.aGolden();
});
afterAll(() => host?.remove());
beforeEach(async () => {
  world = await createStepWorld({ provisioner: host.provisioner });
  await anImage(world.db, { id: goldenImageId, containerImage: STUB, language: 'English' });
});
afterEach(() => world?.close());

const row = async (id: string) => (await getVm(world.db, id)) as Vm;
async function started(): Promise<string> {
  const { id } = await aVm(world.db, { goldenImageId, status: 'REQUESTED', cpuCores: 1, ramMiB: 2048 });
  await reconcileVm(world.deps, id);
  expect((await row(id)).status).toBe('BOOTING');
  return id;
}
async function failed(id: string): Promise<Vm> {
  await until('its container has ended', async () => {
    const machine = await host.provisioner.inspect({ kind: 'vm', id });
    return machine?.state === 'exited';
  });
  await reconcileVm(world.deps, id);
  return row(id);
}

test('a VM that did not boot is told from one that was powered off, and its reason ends with its log', async () => {
  const id = await started();
  await writeFile(join(host.storage.layout.vm(id), 'shared', 'standin.env'), 'STANDIN_FAULT=boot-timeout\n');
  await docker.getContainer(`vapiorc_vm_${id}`).restart({ t: 0 });

  const { status, reason } = await failed(id);

  expect(status).toBe('FAILED');
  expect(reason).toMatch(
    /^its container ended: its firmware did not start Windows in time \(exit code 0\)\nThe log of its container ends:\n(.+\n)*.*Timeout while waiting for QEMU/,
  );
  const { blocked } = await world.db.pool.findUniqueOrThrow({ where: { name: '11' } });
  expect(blocked).toMatch(/did not start Windows in time \(exit code 0\)$/); // without the log
  await reconcileVm(world.deps, id);
  expect(await row(id)).toMatchObject({ cleanedAt: expect.any(Date), reason });
});

test('a VM that was ready once is not said to have failed to boot', async () => {
  const id = await started();
  await host.ask({ kind: 'vm', id }, 'read .stage');
  await reportVmReady(world, id);
  await host.ask({ kind: 'vm', id }, 'poweroff');

  expect((await failed(id)).reason).toMatch(
    /^its container ended: the guest powered itself off \(exit code 0\)\nThe log of its container ends:\n/,
  );
});
