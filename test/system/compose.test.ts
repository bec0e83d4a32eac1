import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config.js';
import { ROOT } from './support/build.js';

interface Service {
  image?: string;
  network_mode?: string;
  environment?: Record<string, string>;
  env_file?: { path: string; required: boolean }[];
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
  command?: string[];
  entrypoint?: string[];
  restart?: string;
  stop_grace_period?: string;
  healthcheck?: { test: string[]; interval: string; timeout: string; retries: number };
  [other: string]: unknown;
}

const text = (name: string) => readFileSync(join(ROOT, name), 'utf8');
const compose = parse(text('docker-compose.yml')) as {
  name: string;
  services: Record<string, Service> & Record<'server' | 'postgres' | 'redis', Service>;
  volumes: Record<string, null>;
};
const { server, postgres, redis } = compose.services;
const services = Object.entries(compose.services);

/** Where a volume of that name is mounted in a service. */
function mountedAt(service: Service, volume: string): string | undefined {
  return service.volumes?.find((line) => line.startsWith(`${volume}:`))?.split(':')[1];
}

test('it holds what it needs and nothing that compose would refuse', () => {
  expect(Object.keys(compose).toSorted()).toEqual(['name', 'services', 'volumes']);
  expect(Object.keys(compose.services)).toEqual(['server', 'postgres', 'redis']);
  for (const [, service] of services) {
    expect(service.image).toMatch(/^[a-z]+:[a-z0-9.-]+$/); // pinned to a line of releases, or made here
    expect(service.restart).toBe('unless-stopped');
    for (const needed of Object.keys(service.depends_on ?? {})) {
      expect(Object.keys(compose.services)).toContain(needed);
      expect(service.depends_on?.[needed]).toEqual({ condition: 'service_healthy' });
      expect(compose.services[needed]?.healthcheck?.test[0]).toMatch(/^CMD(-SHELL)?$/); // else it would wait for ever
    }
  }
  expect(Object.keys(server.depends_on ?? {})).toEqual(['postgres', 'redis']);
});

test('every volume that is mounted is declared, and each declared one is mounted', () => {
  const named = services.flatMap(([, { volumes = [] }]) =>
    volumes.map((line) => line.split(':')[0] ?? '').filter((source) => !source.startsWith('/')),
  );
  expect([...new Set(named)].toSorted()).toEqual(Object.keys(compose.volumes).toSorted());
});

test('nothing is privileged, the socket is the only thing of the host, and no port is open but the server’s own', () => {
  for (const [, service] of services) {
    for (const power of ['privileged', 'cap_add', 'devices', 'pid', 'ipc', 'userns_mode', 'ports', 'expose'])
      expect(service).not.toHaveProperty(power);
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
  }
  const ofHost = services.flatMap(([, { volumes = [] }]) => volumes.filter((line) => line.startsWith('/')));
  expect(ofHost).toEqual(['/var/run/docker.sock:/var/run/docker.sock']);
  expect(server.network_mode).toBe('host');
  expect([postgres.network_mode, redis.network_mode]).toEqual(['none', 'none']);
  expect(postgres.command).toContain('listen_addresses=');
  expect(redis.command?.slice(0, 2)).toEqual(['--port', '0']);
});

test('the server accepts the settings, listens on loopback only and finds both sockets', () => {
  const config = loadConfig(server.environment ?? {});
  expect(config).toMatchObject({ host: '127.0.0.1', publishAddress: '127.0.0.1', provisioner: 'docker' });
  expect(mountedAt(server, 'storage')).toBe(config.storagePath);

  const url = new URL(config.databaseUrl ?? '');
  expect(mountedAt(server, 'postgres-socket')).toBe(url.searchParams.get('host'));
  expect(mountedAt(postgres, 'postgres-socket')).toBe('/var/run/postgresql'); // where Debian's Postgres has it
  expect(postgres.environment).toEqual({
    POSTGRES_USER: url.username,
    POSTGRES_PASSWORD: url.password,
    POSTGRES_DB: url.pathname.slice(1),
  });

  const socket = new URL(config.redisUrl ?? '').pathname;
  expect(redis.command).toContain(socket);
  for (const service of [server, redis]) expect(socket.startsWith(`${mountedAt(service, 'redis-socket')}/`)).toBe(true);

  const stopLimitSeconds = Number(/STOP_DEADLINE_MS = (\d+)_000/.exec(text('src/main.ts'))?.[1]);
  expect(Number.parseInt(server.stop_grace_period ?? '', 10)).toBeGreaterThan(stopLimitSeconds);
});

test('.env.example shows settings that exist, each with its default', () => {
  expect(server.env_file).toEqual([{ path: '.env', required: false }]);
  const shown = [...text('.env.example').matchAll(/^#([A-Z_]+)=(.*)$/gm)].map(
    ([, name = '', value = '']) => [name, value] as const,
  );
  expect(shown.length).toBeGreaterThan(5);
  const known = text('src/settings.ts');
  for (const [name] of shown) expect(known).toContain(`${name}:`);
  expect(loadConfig(Object.fromEntries(shown))).toEqual(loadConfig({}));
});

test('the image is built from what .dockerignore lets through', () => {
  const passed = [...text('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, path]) => path);
  const copied = [...text('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths = '']) =>
    paths.split(' '),
  );
  expect(copied.length).toBeGreaterThan(0);
  for (const path of copied) expect(passed).toContain(path);
});
