import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../src/config.js';
import { SETTINGS } from '../src/settings.js';
import { settingsDocument } from '../tools/settingsDocument.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (name: string) => readFileSync(`${root}${name}`, 'utf8');

describe('the settings', () => {
  test('need nothing', () => {
    expect(loadConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 8000,
      publicHost: 'localhost',
      provisioner: 'docker',
      kvm: true,
      ports: { start: 8001, end: 8100 },
    });
  });
  test('that are empty count as unset', () =>
    expect(loadConfig({ VAPIORC_PORT: '', DATABASE_URL: '' })).toMatchObject({ port: 8000, databaseUrl: undefined }));
  test('tell those that are none', () =>
    expect(loadConfig({ VAPIORC_HOT_SPARE: '5', VAPIORC_PORT: '80', VAPIORC_A: '', PATH: '/bin' }).notSettings).toEqual(
      ['VAPIORC_A', 'VAPIORC_HOT_SPARE'],
    ));
  test('keep the prototype’s name for the public host', () =>
    expect(loadConfig({ VAPIORC_HOST_IP: '10.0.0.7' }).publicHost).toBe('10.0.0.7'));
  test('take a Redis on a socket', () =>
    expect(loadConfig({ REDIS_URL: 'unix:///run/redis/redis.sock' }).redisUrl).toBe('unix:///run/redis/redis.sock'));

  test('list hosts with commas between', () => {
    expect(loadConfig({}).isoHosts).toEqual([]);
    expect(loadConfig({ VAPIORC_ISO_HOSTS: 'nas.lan, 172.17.0.0/16 ,fe80::/10,::1,' }).isoHosts).toEqual([
      'nas.lan',
      '172.17.0.0/16',
      'fe80::/10',
      '::1',
    ]);
  });

  test.each([
    [{}, '/var/run/docker.sock', false],
    [{ DOCKER_HOST: '' }, '/var/run/docker.sock', false],
    [{ DOCKER_HOST: 'unix:///run/user/1000/docker.sock' }, '/run/user/1000/docker.sock', false],
    [{ VAPIORC_DOCKER_SOCKET: '/a.sock', DOCKER_HOST: 'unix:///a.sock' }, '/a.sock', false],
    [{ VAPIORC_DOCKER_SOCKET: '/a.sock', DOCKER_HOST: 'unix:///b.sock' }, '/a.sock', true],
    [{ VAPIORC_DOCKER_SOCKET: '/a.sock', DOCKER_HOST: 'tcp://10.0.0.9:2375' }, '/a.sock', true],
    [{ VAPIORC_PROVISIONER: 'simulated', DOCKER_HOST: 'tcp://10.0.0.9:2375' }, '/var/run/docker.sock', false],
  ])('say which socket is Docker’s: %j', (env, dockerSocket, dockerHostLoses) =>
    expect(loadConfig(env)).toMatchObject({ dockerSocket, dockerHostLoses }),
  );
  test.each([
    'tcp://u:hunter2@10.0.0.9:2375',
    'ssh://u:hunter2@host',
    'npipe:////./pipe/docker_engine',
    'unix://',
    'x',
  ])('refuse a DOCKER_HOST that is no socket of this host, with the setting that mends it: %s', (DOCKER_HOST) => {
    const read = () => loadConfig({ DOCKER_HOST });
    expect(read).toThrow(/DOCKER_HOST: .*give unix:\/\/\/.*VAPIORC_DOCKER_SOCKET=\S+, which wins/);
    expect(read).not.toThrow(/hunter2/);
    const [, name = '', value] = /(VAPIORC_\w+)=([^,]+),/.exec(String(catchOf(read))) ?? [];
    expect(loadConfig({ DOCKER_HOST, [name]: value })).toMatchObject({ dockerSocket: value, dockerHostLoses: true });
  });
  test('refuse a path of a socket that is longer than the kernel takes', () => {
    const longest = `/${'x'.repeat(106)}`;
    expect(loadConfig({ VAPIORC_DOCKER_SOCKET: longest }).dockerSocket).toBe(longest);
    expect(() => loadConfig({ VAPIORC_DOCKER_SOCKET: `${longest}x` })).toThrow(/VAPIORC_DOCKER_SOCKET: .*107 bytes/);
    expect(() => loadConfig({ DOCKER_HOST: `unix://${longest}x` })).toThrow(/DOCKER_HOST/);
  });

  test('that are bad are all named in one message, and a URL’s password is not shown', () => {
    const read = () =>
      loadConfig({
        VAPIORC_PORT: 'abc',
        VAPIORC_PROVISIONER: 'vmware',
        VAPIORC_HOT_SPARES: '-1',
        DATABASE_URL: 'mysql://u:hunter2@h/d',
      });
    expect(read).toThrow(/VAPIORC_PORT: .*"abc"/);
    expect(read).toThrow(/VAPIORC_PROVISIONER: .*"vmware"/);
    expect(read).toThrow(/VAPIORC_HOT_SPARES/);
    expect(read).toThrow(/DATABASE_URL: give a URL such as/);
    expect(read).not.toThrow(/hunter2/);
  });

  test.each(['app:p@ss@host', 'app:p#1@host', 'app:12#3@host', 'app:1/2@host', 'app:p@ss#1/2@host', 'app:12/3@host/d'])(
    'a password that is not encoded is refused with the fix and never shown: %s',
    (address) => {
      for (const scheme of ['postgres', 'postgresql', 'redis', 'rediss']) {
        const name = scheme.startsWith('p') ? 'DATABASE_URL' : 'REDIS_URL';
        const read = () => loadConfig({ [name]: `${scheme}://${address}:5432/db` });
        expect(read).toThrow(`${name}: percent-encode`);
        expect(read).not.toThrow(address);
      }
    },
  );

  test.each([
    'postgresql://app:p%40ss%231%2F2@host:5432/db?sslmode=require',
    'postgresql://host/db?host=/run/postgresql&schema=vapi',
    'postgresql:///db?host=/run/postgresql',
  ])('a URL that is right is taken as it is: %s', (url) =>
    expect(loadConfig({ DATABASE_URL: url }).databaseUrl).toBe(url),
  );

  test.each([
    [{ DATABASE_URL: 'postgresql://h/d?schema=a%22b' }, 'give a ?schema= of'],
    [{ DATABASE_URL: 'host=localhost dbname=x' }, 'DATABASE_URL: give a URL such as'],
    [{ VAPIORC_RAM_MIB: '512' }, 'VAPIORC_RAM_MIB: Windows 11 needs at least'],
    [{ VAPIORC_DISK_GIB: '2' }, 'VAPIORC_DISK_GIB: Windows 11 needs at least'],
    [{ VAPIORC_DATABASE_CONNECTIONS: '1' }, 'VAPIORC_DATABASE_CONNECTIONS: give a whole number from 2 to 500'],
    [{ VAPIORC_PORT_START: '9000', VAPIORC_PORT_END: '8999' }, 'below VAPIORC_PORT_START'],
    [{ VAPIORC_PORT_START: '8001', VAPIORC_PORT_END: '9500' }, 'may span 1000 ports'],
    [{ VAPIORC_PORT_START: '64000', VAPIORC_PORT_END: '64999' }, 'at most 64535'],
    [{ VAPIORC_PORT: '8050' }, 'lies in the range that is for VMs'],
    [{ VAPIORC_GUEST_PORT: '9050' }, 'lies in the range that is for VMs'],
    [{ VAPIORC_PORT_START: '8001', VAPIORC_PORT_END: '8001' }, 'the range has 1'],
    [{ VAPIORC_STOP_TIMEOUT_SECONDS: '10' }, 'VAPIORC_STOP_TIMEOUT_SECONDS'],
    [{ VAPIORC_INSTALL_STUCK_SECONDS: '59' }, 'VAPIORC_INSTALL_STUCK_SECONDS: give a whole number from 60 to 86400'],
    [{ VAPIORC_NETWORK_MODE: 'bridge' }, 'VAPIORC_NETWORK_MODE'],
    [{ VAPIORC_ISO_HOSTS: 'nas.lan,http://x' }, 'VAPIORC_ISO_HOSTS.1: give host names'],
    [{ VAPIORC_ISO_HOSTS: '10.0.0.0/33' }, 'with commas between'],
    [{ VAPIORC_HOST_STORAGE_PATH: 'relative' }, 'absolute path'],
    [{ VAPIORC_PUBLIC_HOST: 'http://x' }, 'without a scheme'],
    [{ VAPIORC_HOST_IP: 'a', VAPIORC_PUBLIC_HOST: 'b' }, 'old name of VAPIORC_PUBLIC_HOST'],
  ])('%j is refused with the fix', (env, words) => expect(() => loadConfig(env)).toThrow(words));
});

function catchOf(read: () => unknown): unknown {
  try {
    return read();
  } catch (err) {
    return err;
  }
}

describe('the page of settings', () => {
  test('is what the code says, and has a meaning and a default for each', () => {
    expect(read('docs/settings.md'), 'npm run settings').toBe(settingsDocument());
    const rows = settingsDocument()
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    expect(rows).toHaveLength(Object.keys(SETTINGS.shape).length);
    expect(
      rows.filter((row) => !/^\| `\w+` \| \S.* \| .*\| \S.{4,} \|$/.test(row) || row.includes('undefined')),
    ).toEqual([]);
  });

  test('has each name that people are told elsewhere', () => {
    const docs = readdirSync(`${root}docs`)
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`);
    // The examples', which are no server.
    const known = [...Object.keys(SETTINGS.shape), 'VAPIORC_URL'];
    const unknown = ['README.md', '.env.example', 'docker-compose.yml', ...docs].flatMap((file) =>
      [...read(file).matchAll(/\bVAPIORC_[A-Z_]*[A-Z]\b/g)].flatMap(([name]) =>
        known.includes(name) ? [] : `${file}: ${name}`,
      ),
    );
    expect(unknown).toEqual([]);
  });
});
