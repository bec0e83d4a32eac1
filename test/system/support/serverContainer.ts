import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { until } from '../../support/until.js';
import { health } from './api.js';
import { ROOT } from './build.js';
import { docker } from './deployment.js';
import { buildNodeImage } from './nodeImage.js';

const run = promisify(execFile);

export const SERVER_IMAGE = 'vapiorc-test-server:latest';

/** The server's image out of the real Dockerfile, on a base that was made here. The engine keeps what did not change. */
export async function buildServerImage(): Promise<void> {
  const base = await buildNodeImage();
  const before = await imageId();
  const args = ['build', '--network', 'host', '--build-arg', `NODE_IMAGE=${base}`, '--tag', SERVER_IMAGE, ROOT];
  // The builder that every engine has; buildx is a program of its own.
  const env = { ...process.env, DOCKER_BUILDKIT: '0' };
  await run('docker', args, { env, maxBuffer: 64 * 1024 * 1024 }).catch((err: { stdout?: string; stderr?: string }) => {
    throw new Error(`docker build failed:\n${`${err.stdout}${err.stderr}`.slice(-3000)}`, { cause: err });
  });
  if (before !== undefined && before !== (await imageId()))
    await docker
      .getImage(before)
      .remove()
      .catch(() => {});
}

async function imageId(): Promise<string | undefined> {
  const found = await docker
    .getImage(SERVER_IMAGE)
    .inspect()
    .catch(() => undefined);
  return found?.Id;
}

export interface ServerContainer {
  url: string;
  id: string;
  logs: () => Promise<string>;
  /** Whether the image's own health check is content. */
  isHealthy: () => Promise<boolean>;
  /** As `docker stop` does it; with the exit code. The container goes too, with the volumes that are only its own. */
  stop: () => Promise<number>;
  remove: () => Promise<void>;
}

/** Runs the server in a container as a user would; not privileged, with the engine's socket. Resolves when it answers. */
export async function runServer(options: {
  env: Record<string, string>;
  /** `source:target`, as for `docker run -v`. */
  volumes: string[];
  /** `host`, or the name of a network of Docker's: then the API's port is published. */
  network: string;
  port: number;
}): Promise<ServerContainer> {
  const { env, volumes, network, port } = options;
  const published = `${port}/tcp`;
  const container = await docker.createContainer({
    Image: SERVER_IMAGE,
    Env: Object.entries({ ...env, VAPIORC_PORT: String(port) }).map(([name, value]) => `${name}=${value}`),
    Labels: { 'vapiorc.test.server': String(port) },
    ExposedPorts: { [published]: {} },
    HostConfig: {
      Binds: ['/var/run/docker.sock:/var/run/docker.sock', ...volumes],
      NetworkMode: network,
      ...(network === 'host'
        ? {}
        : { PortBindings: { [published]: [{ HostIp: '127.0.0.1', HostPort: String(port) }] } }),
    },
  });
  const remove = async () => {
    await container.remove({ force: true, v: true });
  };
  const server: ServerContainer = {
    url: `http://127.0.0.1:${port}`,
    id: container.id,
    logs: async () => String(await container.logs({ stdout: true, stderr: true })),
    isHealthy: async () => (await container.inspect()).State.Health?.Status === 'healthy',
    async stop() {
      await container.stop({ t: 40 });
      const { State } = await container.inspect();
      await remove();
      return State.ExitCode;
    },
    remove,
  };
  try {
    await container.start();
    await until(
      'the server in the container answers',
      async () => {
        if (!(await container.inspect()).State.Running) throw new Error('the server ended');
        return (await health(server).catch(() => undefined))?.code === 200;
      },
      60_000,
    );
    return server;
  } catch (err) {
    const said = await server.logs();
    await remove();
    throw new Error(`the server in the container did not start:\n${said.slice(-3000)}`, { cause: err });
  }
}
