import { randomUUID } from 'node:crypto';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MachineRef } from '../../src/provisioner/provisioner.js';
import { sha256File } from '../../src/storage/sha256File.js';
import { QEMU_TAG } from '../standin/buildStandIns.js';
import { until } from '../support/until.js';
import { aDockerHost, type DockerHost, docker } from './aDockerHost.js';

/** A real QEMU without KVM takes its time. */
const BOOT_LIMIT_MS = 120_000;

let host: DockerHost;
beforeAll(async () => {
  host = await aDockerHost({ image: QEMU_TAG });
});
afterAll(() => host?.remove());

test('three real QEMU guests share one golden disk: each reads it, writes stay with whoever wrote, and release leaves no byte', {
  timeout: 600_000,
}, async () => {
  const spec = await host.installSpec();
  const golden: MachineRef = { kind: 'golden', id: spec.id };
  await host.provisioner.install({ ...spec, diskGiB: 32 }, () => {});
  await until(
    'the installation is done',
    async () => (await host.ask(golden, 'read .stage', BOOT_LIMIT_MS)) === 'ok complete',
    BOOT_LIMIT_MS,
  );
  const precious = randomUUID();
  expect(await host.ask(golden, `write precious ${precious}`)).toBe('ok');
  const sealed = await host.provisioner.seal(spec.id);

  const specs = await Promise.all([1, 2, 3].map(() => host.cloneSpec(spec.id)));
  const answers = await Promise.all(specs.map((clone) => host.provisioner.clone({ ...clone, diskGiB: 32 })));
  expect(answers.map((answer) => 'engineId' in answer)).toEqual([true, true, true]);

  const vms: MachineRef[] = specs.map(({ id }) => ({ kind: 'vm', id }));
  const each = <T>(work: (vm: MachineRef, index: number) => Promise<T>) => Promise.all(vms.map(work));
  expect(await each((vm) => host.ask(vm, 'read precious', BOOT_LIMIT_MS))).toEqual(vms.map(() => `ok ${precious}`));
  expect(await each((vm, index) => host.ask(vm, `write mine clone-${index}`))).toEqual(['ok', 'ok', 'ok']);
  expect(await each((vm) => host.ask(vm, 'read mine'))).toEqual(['ok clone-0', 'ok clone-1', 'ok clone-2']);
  await host.ask(vms[0] as MachineRef, 'write precious changed');
  expect(await host.ask(vms[1] as MachineRef, 'read precious')).toBe(`ok ${precious}`);
  await each((vm) => until('RDP answers', () => host.provisioner.answersRdp(vm.id), BOOT_LIMIT_MS));

  const mounted = (await each(({ id }) => docker.getContainer(`vapiorc_vm_${id}`).inspect())).flatMap(({ Mounts }) =>
    Mounts.map(({ Type }) => Type),
  );
  expect(new Set(mounted)).toEqual(new Set(['bind'])); // no volume that could be forgotten
  await each((vm) => host.provisioner.destroy(vm));

  for (const vm of vms) {
    expect(await host.provisioner.inspect(vm)).toBeUndefined();
    await expect(access(host.storage.layout.vm(vm.id))).rejects.toThrow(/ENOENT/);
  }
  expect(await host.ours()).toEqual([]);
  expect(await readdir(host.storage.layout.trash)).toEqual([]);
  const disk = join(host.storage.layout.golden(spec.id), 'data.qcow2');
  expect(sealed).toMatchObject({ sha256: await sha256File(disk) });
});
