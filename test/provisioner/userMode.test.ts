import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GuestDoor } from '../../src/guest/guestDoor.js';
import { createLog } from '../../src/log.js';
import type { MachineRef } from '../../src/provisioner/provisioner.js';
import { createStorage } from '../../src/storage/storage.js';
import { buildVariant } from '../standin/buildStandIns.js';
import { until } from '../support/until.js';
import { freePort as freeServerPort } from '../system/support/ports.js';
import { aDockerHost, type DockerHost, docker, doorsOf, STUB } from './aDockerHost.js';

/** How a guest's calls come in over real Docker networks: at which address, and from which. */
describe.each([
  ['user', 'user'],
  ['nat', 'nat'],
  ['nat', 'user'], // its container could not set up NAT, and fell back
] as const)('ordered in mode %s, a guest that is in mode %s', (networkMode, actual) => {
  let host: DockerHost;
  let door: GuestDoor;
  let guestPort: number;
  let ref: MachineRef;
  const calls: { from: string | undefined; at: string | undefined; path: string | undefined }[] = [];
  beforeAll(async () => {
    guestPort = await freeServerPort();
    const image = networkMode === actual ? STUB : await buildVariant('stub', 'fell-back', { NETWORK: actual });
    const first = await aDockerHost({ networkMode, image });
    const { path, deployment } = first;
    const log = createLog('silent');
    // Whose install.bat makes the guest call in.
    const oemPath = join(path, 'oem');
    await mkdir(oemPath);
    await writeFile(join(oemPath, 'install.bat'), '@echo off\r\n');
    const storage = createStorage({ path, deployment, oemPath, log });
    const provisioner = first.another({ guestPort }, { storage });
    host = { ...first, storage, provisioner };
    door = new GuestDoor({
      port: guestPort,
      ways: () => host.provisioner.guestWays(),
      handle: (req, res) => {
        calls.push({ from: req.socket.remoteAddress, at: req.socket.localAddress, path: req.url });
        res.end('do=ok\n');
      },
      log,
    });
    door.start();
    const spec = await host.installSpec();
    ref = { kind: 'golden', id: spec.id };
    expect(await host.provisioner.install(spec, () => {})).toHaveProperty('engineId');
  });
  afterAll(async () => {
    await door?.stop();
    await host?.remove();
  });

  test('calls in, and is known by the address of its container', async () => {
    const call = await until('a call', async () => calls[0]);

    const { nat, user } = await doorsOf(host.provisioner);
    expect(call.at).toBe(actual === 'user' ? user : nat);
    expect(call.from).toBe(await host.addressOf(ref));
    expect(door.whoIs(call.from)).toBe('guest');
    expect(call.path).toMatch(/^\/guest\/v1\//);
  });

  test('is told both addresses, and has no more rights than it needs', async () => {
    const { user } = await doorsOf(host.provisioner);
    const config = await readFile(join(host.storage.layout.install(ref.id), 'shared', 'guest.cfg'), 'utf8');
    const lines = Object.fromEntries(
      config
        .trim()
        .split('\n')
        .map((line) => line.split(/=(.*)/s)),
    );
    const fallback = `http://${user}:${guestPort}`;
    const server = networkMode === 'user' ? fallback : `http://system.lan:${guestPort}`;
    expect(lines).toMatchObject({
      protocol: '1',
      server: encodeURIComponent(server),
      fallback: encodeURIComponent(fallback),
    });

    const { Config, HostConfig } = await docker.getContainer(`vapiorc_golden_${ref.id}`).inspect();
    const nat = networkMode === 'nat';
    expect(Config.Env.includes('NETWORK=user')).toBe(actual === 'user');
    const mayChangeNetworks = (HostConfig.CapAdd ?? []).some((name: string) => name.endsWith('NET_ADMIN'));
    expect(mayChangeNetworks).toBe(nat);
    expect((HostConfig.Devices ?? []).map(({ PathOnHost }: { PathOnHost: string }) => PathOnHost)).toEqual(
      nat ? ['/dev/net/tun'] : [],
    );
  });

  test('health says where guests call in', () => {
    const message =
      networkMode === 'user'
        ? /^guests in user-mode networking call in at \S+:\d+$/
        : /^guests call in at \S+:\d+; guests in user-mode networking call in at \S+:\d+$/;
    expect(door.health()).toEqual({ status: 'OK', message: expect.stringMatching(message) });
  });
});
