import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MountSettings } from 'dockerode';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { demuxLogs } from '../../src/provisioner/docker/demuxLogs.js';
import type { DockerSettings } from '../../src/provisioner/docker/settings.js';
import { aDockerHost, type DockerHost, docker, STUB } from './aDockerHost.js';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

let host: DockerHost;
beforeAll(async () => {
  host = await aDockerHost();
});
afterAll(() => host?.remove());

/** A server in a container of its own that reaches the host's engine, and sees its storage at /data. */
async function installFromContainer(mount: MountSettings | undefined, changes: Partial<DockerSettings> = {}) {
  const spec = await host.installSpec();
  const order = {
    settings: { ...host.settings, ...changes },
    deployment: host.deployment,
    path: '/data/vapiorc',
    spec,
  };
  const bind = (Source: string, Target: string, ReadOnly: boolean): MountSettings => ({
    Type: 'bind',
    Source,
    Target,
    ReadOnly,
  });
  const server = await docker.createContainer({
    Image: STUB,
    Entrypoint: ['node', '--import', 'tsx', 'test/provisioner/installOnce.ts'],
    WorkingDir: '/repository',
    Env: [`VAPIORC_TEST=${JSON.stringify(order)}`],
    HostConfig: {
      NetworkMode: 'host',
      Mounts: [
        bind(REPOSITORY, '/repository', true),
        bind(host.settings.dockerSocket, '/var/run/docker.sock', false),
        ...(mount ? [mount] : []),
      ],
    },
  });
  try {
    await server.start();
    await server.wait();
    const { stdout, stderr } = demuxLogs((await server.logs({ stdout: true, stderr: true })) as unknown as Buffer);
    if (stdout === '') throw new Error(stderr);
    return { spec, answer: JSON.parse(stdout) };
  } finally {
    await server.remove({ force: true, v: true });
  }
}

const sourceOf = async (id: string) =>
  (await docker.getContainer(`vapiorc_golden_${id}`).inspect()).Mounts.find((mount) => mount.Destination === '/storage')
    ?.Source;

test('a server in a container with a bound folder gives VMs the path on the Docker host', async () => {
  const real = join(host.path, 'on the host');
  await mkdir(real);

  const { spec, answer } = await installFromContainer({ Type: 'bind', Source: real, Target: '/data' });

  expect(answer).toMatchObject({ containerImage: STUB, health: { status: 'OK' } });
  expect(await sourceOf(spec.id)).toBe(join(real, 'vapiorc/installs', spec.id, 'storage'));
  expect(await host.ask({ kind: 'golden', id: spec.id }, 'read .stage')).toBe('ok complete');
});

test('a server in a container with a named volume gives VMs the path on the Docker host', async () => {
  const name = `vapiorc-${host.deployment}`;
  await docker.createVolume({ Name: name });
  try {
    const { spec } = await installFromContainer({ Type: 'volume', Source: name, Target: '/data' });

    expect(await sourceOf(spec.id)).toMatch(new RegExp(`${name}/_data/vapiorc/installs/${spec.id}/storage$`));
    await docker.getContainer(`vapiorc_golden_${spec.id}`).remove({ force: true, v: true });
  } finally {
    await docker.getVolume(name).remove();
  }
});

test('a server in a container without a folder for its storage is told to mount one', async () => {
  const { answer } = await installFromContainer(undefined);

  expect(answer).toMatchObject({
    refused: { part: 'storage', fix: expect.stringContaining('VAPIORC_HOST_STORAGE_PATH') },
    message: expect.stringContaining('/data/vapiorc'),
    health: { status: 'DOWN' },
  });
});

test('what the user says about the path on the Docker host wins, and is proven as well', async () => {
  const real = join(host.path, 'said');
  await mkdir(real);
  const mount: MountSettings = { Type: 'bind', Source: real, Target: '/data' };

  const right = await installFromContainer(mount, { hostStoragePath: join(real, 'vapiorc') });
  const wrong = await installFromContainer(mount, { hostStoragePath: '/somewhere/else' });

  expect(await sourceOf(right.spec.id)).toBe(join(real, 'vapiorc/installs', right.spec.id, 'storage'));
  expect(wrong.answer.message).toContain('/somewhere/else');
});
