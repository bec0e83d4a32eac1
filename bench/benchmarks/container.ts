import { randomUUID } from 'node:crypto';
import { cloneOptions } from '../../src/provisioner/docker/createOptions.js';
import type { Started } from '../../src/provisioner/provisioner.js';
import { aDockerHost, type DockerHost, docker } from '../../test/provisioner/aDockerHost.js';
import { buildStandIns } from '../../test/standin/buildStandIns.js';
import type { Benchmark } from '../benchmark.js';
import { overRounds, ratioOf } from '../figures.js';

const ROUNDS = 3;
const EACH = 6;

/** A VM from nothing to a started container, against creating and starting the same container and nothing else. */
export const container: Benchmark = {
  name: 'container',
  async run(kit) {
    await docker.ping().catch((cause) => {
      throw new Error('this benchmark needs a Docker Engine at /var/run/docker.sock, which does not answer', { cause });
    });
    kit.say('building the stand-in of the guest image, unless it is there');
    await buildStandIns();
    const host = await aDockerHost({ capacityCheck: true });
    const remove = kit.opened('containers', () => host.remove());
    const goldenId = await host.aGolden();
    const ways = { clone: () => byProvisioner(host, goldenId), bare: () => bare(host, goldenId) };
    await ways.clone();
    await ways.bare();

    const times = { clone: [] as number[][], bare: [] as number[][] };
    for (let round = 0; round < ROUNDS; round++) {
      times.clone.push([]);
      times.bare.push([]);
      for (let n = 0; n < EACH; n++) {
        for (const way of n % 2 === 0 ? (['clone', 'bare'] as const) : (['bare', 'clone'] as const)) {
          times[way].at(-1)?.push(await ways[way]());
        }
      }
      kit.say(`round ${round + 1} of ${ROUNDS}`);
    }
    await remove();
    const ratio = ratioOf(times.clone, times.bare);
    return [
      {
        name: 'container',
        what: 'provisioner.clone: checks, disk, container created and started',
        unit: 'ms',
        measured: overRounds(times.clone),
        limit: { what: 'create and start of the same container, bare', ...overRounds(times.bare) },
        ratio,
        target: 'ratio <= 1.3',
        met: ratio <= 1.3,
      },
    ];
  },
};

async function byProvisioner({ provisioner, cloneSpec }: DockerHost, goldenId: string): Promise<number> {
  const spec = await cloneSpec(goldenId);
  const begun = performance.now();
  const started = await provisioner.clone(spec);
  const ms = performance.now() - begun;
  if (!isStarted(started)) throw started;
  await provisioner.destroy({ kind: 'vm', id: spec.id });
  return ms;
}

async function bare(
  { provisioner, storage, cloneSpec, deployment, settings }: DockerHost,
  goldenId: string,
): Promise<number> {
  const spec = await cloneSpec(goldenId);
  const guest = { server: 'http://system.lan:9', id: spec.id, token: randomUUID(), role: 'vm' } as const;
  const options = cloneOptions(
    spec,
    await storage.clone(goldenId, spec.id, guest, async () => {}),
    deployment,
    settings,
  );
  const begun = performance.now();
  await (await docker.createContainer(options)).start();
  const ms = performance.now() - begun;
  await provisioner.destroy({ kind: 'vm', id: spec.id });
  return ms;
}

function isStarted(answer: object): answer is Started {
  return 'engineId' in answer;
}
