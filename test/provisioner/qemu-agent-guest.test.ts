import { afterAll, beforeAll, expect, test } from 'vitest';
import type { QemuAgent } from '../../src/domain/qemuAgent.js';
import type { MachineRef } from '../../src/provisioner/provisioner.js';
import { QEMU_TAG } from '../standin/buildStandIns.js';
import { until } from '../support/until.js';
import { aDockerHost, type DockerHost } from './aDockerHost.js';

/** A real QEMU without KVM takes its time. */
const BOOT_LIMIT_MS = 120_000;

let host: DockerHost;
beforeAll(async () => {
  host = await aDockerHost({ image: QEMU_TAG, qemuAgent: true });
});
afterAll(() => host?.remove());

test('the QEMU guest agent of a real QEMU runs scripts in its guest, over one connection after the other', {
  timeout: 400_000,
}, async () => {
  const { provisioner } = host;
  const golden = await host.aGolden(BOOT_LIMIT_MS);
  const spec = await host.cloneSpec(golden);
  expect(await provisioner.clone(spec)).toHaveProperty('engineId');
  const ref: MachineRef = { kind: 'vm', id: spec.id };
  const never = new AbortController().signal;
  const open = () =>
    until(
      'the agent answers',
      async () => {
        const agent = await provisioner.qemuAgent(spec.id);
        return !(agent instanceof Error) && agent;
      },
      BOOT_LIMIT_MS,
    );
  const run = async (agent: QemuAgent, script: string, timeoutMs = 20_000, cancelled = never) => {
    const { stdout, stderr, ...ended } = await agent.run(Buffer.from(script), { timeoutMs, cancelled });
    return { ...ended, stdout: Buffer.from(stdout).toString(), stderr: Buffer.from(stderr).toString() };
  };

  const first = await open();
  expect(first.system).toBe('other');
  expect(await run(first, 'kv set precious "from the agent"; echo done; echo oh >&2; exit 5\n')).toEqual({
    state: 'exited',
    exitCode: 5,
    stdout: 'done\n',
    stderr: 'oh\n',
  });
  expect(await host.ask(ref, 'read precious')).toBe('ok from the agent');
  first.close();

  const second = await open();
  const [long, slow] = await Promise.all([
    run(second, 'head -c 1000000 /dev/zero | tr "\\0" x\n'),
    run(second, 'sleep 600 & sleep 600\n', 1000),
  ]);
  expect(long.stdout).toHaveLength(1_000_000);
  expect(slow).toMatchObject({ state: 'timeout', exitCode: null });
  expect((await run(second, 'ps | grep -c "sleep 60[0]"\n')).stdout).toBe('0\n');
  second.close();

  await provisioner.destroy(ref);
  expect(await provisioner.qemuAgent(spec.id)).toMatchObject({ code: 'UNAVAILABLE', part: 'guest' });
});
