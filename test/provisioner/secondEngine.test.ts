import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MachineRef } from '../../src/provisioner/provisioner.js';
import { until } from '../support/until.js';
import { aDockerHost, type DockerHost, doorsOf, STUB } from './aDockerHost.js';
import { aRemappingEngine, type SecondEngine } from './aSecondEngine.js';

/** On a Docker that remaps users: its containers' root is not the host's. */
let engine: SecondEngine;
let host: DockerHost;
beforeAll(async () => {
  host = await aDockerHost(); // which sees to it that there is the image
  engine = await aRemappingEngine(STUB);
  host = { ...host, provisioner: host.another({ dockerSocket: engine.socket }) };
}, 120_000);
afterAll(async () => {
  await host?.remove();
  await engine?.stop();
});

const installing = async (): Promise<MachineRef> => {
  const spec = await host.installSpec();
  expect(await host.provisioner.install(spec, () => {})).toHaveProperty('engineId');
  return { kind: 'golden', id: spec.id };
};

test('machines are made without its remapping: they have their storage, their devices and their rights', async () => {
  expect((await host.provisioner.health()).provisioner).toEqual({
    status: 'OK',
    message: expect.stringContaining('its userns-remap is left out'),
  });

  const ref = await installing();

  const storage = join(host.storage.layout.install(ref.id), 'storage');
  await until('the guest has written its disk', async () => (await readdir(storage)).includes('data.qcow2'));
  const container = engine.docker.getContainer(`vapiorc_golden_${ref.id}`);
  const opened = await container.exec({ Cmd: ['sh', '-c', ': <>/dev/net/tun'] });
  (await opened.start({})).resume();
  expect(
    await until('it was tried', async () => [(await opened.inspect()).ExitCode].find(Number.isInteger), 5_000),
  ).toBe(0);
  await host.provisioner.destroy(ref);
  expect(await host.provisioner.list()).toEqual([]);
});

test('a host that does not filter its bridges keeps no guests apart: that is told, and the advice helps', async () => {
  engine.inNetwork('sysctl', '-w', 'net.bridge.bridge-nf-call-iptables=0');
  const { provisioner } = await host.provisioner.health();
  expect(provisioner).toEqual({
    status: 'DEGRADED',
    message: expect.stringMatching(
      /^guests can reach each other.*: On the Docker host: modprobe br_netfilter && sysctl -w/,
    ),
  });

  const advice = /sysctl -w \S+=1/.exec(provisioner.message)?.[0] ?? '';
  engine.inNetwork(...advice.split(' '));

  expect((await host.provisioner.health()).provisioner.status).toBe('OK');
});

test('an engine that fails with 500 is told in its own words, and the advice helps', { timeout: 60_000 }, async () => {
  const ref = await installing(); // has made the network
  await host.provisioner.destroy(ref);
  engine.inNetwork('iptables', '--table', 'nat', '--flush');
  engine.inNetwork('iptables', '--table', 'nat', '--delete-chain', 'DOCKER');

  expect(await host.provisioner.install(await host.installSpec(), () => {})).toMatchObject({
    code: 'UNAVAILABLE',
    part: 'network',
    message: expect.stringMatching(/firewall rules: .*No chain\/target\/match/),
    fix: expect.stringMatching(/^Restart Docker/),
  });

  await engine.restart();
  await host.provisioner.destroy(await installing());
});

test('an engine without a default network is no way for guests in user mode: that is told, and the advice helps', async () => {
  const { userProblem } = await doorsOf(host.provisioner);
  expect(userProblem).toMatch(/^Docker has no network "bridge".* Take "bridge": "none" out of .* and restart Docker/);

  await engine.restart({ bridge: true });

  expect(await doorsOf(host.provisioner)).toHaveProperty('user', expect.stringMatching(/^[\d.]+$/));
});
