import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CapacityExhausted, Unavailable } from '../../src/domain/errors.js';
import { macOf } from '../../src/domain/mac.js';
import { createLog } from '../../src/log.js';
import { openEngine } from '../../src/provisioner/docker/engine/engine.js';
import { kvmProblem, readKvmFacts } from '../../src/provisioner/docker/engine/kvm.js';
import { emptyInContainer } from '../../src/provisioner/docker/paths/emptyInContainer.js';
import { createHostPaths } from '../../src/provisioner/docker/paths/hostPaths.js';
import { Tools } from '../../src/provisioner/docker/tools.js';
import { portOf } from '../../src/provisioner/hostPorts.js';
import { Broken, EndpointTaken, type MachineRef } from '../../src/provisioner/provisioner.js';
import { unprotectGolden } from '../../src/storage/protectGolden.js';
import { createStorage } from '../../src/storage/storage.js';
import { ALONE } from '../support/alone.js';
import { until } from '../support/until.js';
import { aDockerHost, type DockerHost, docker, doorsOf, STUB } from './aDockerHost.js';

let host: DockerHost;
let goldenImageId: string;
beforeAll(async () => {
  host = await aDockerHost();
  goldenImageId = await host.aGolden();
});
afterAll(() => host?.remove());

const container = (ref: MachineRef) => docker.getContainer(`vapiorc_${ref.kind}_${ref.id}`).inspect();
async function cloned(): Promise<MachineRef & { port: number }> {
  const spec = await host.cloneSpec(goldenImageId);
  expect(await host.provisioner.clone(spec)).toHaveProperty('engineId');
  return { kind: 'vm', id: spec.id, port: portOf(spec.endpoint) };
}

test('names of OEM files arrive in Windows as they are, whatever they are written with', async () => {
  const files = host.storage.oemBundles.files('odd');
  for (const path of ['büro.cmd', 'data/größe 1/データ.txt']) {
    const content = async function* () {
      yield Buffer.from('echo\r\n');
    };
    expect(await files.write(path.split('/'), content(), { replace: true })).not.toBeInstanceOf(Error);
  }
  const oemPath = join(host.path, 'ours');
  await mkdir(oemPath);
  await writeFile(join(oemPath, 'install.bat'), '');
  const storage = createStorage({ path: host.path, deployment: host.deployment, oemPath, log: createLog('silent') });
  const installed = async (oemBundle: string | null) => {
    const spec = { ...(await host.installSpec()), oemBundle };
    expect(await host.another({}, { storage }).install(spec, () => {})).toHaveProperty('engineId');
    const ref: MachineRef = { kind: 'golden', id: spec.id };
    await until('Windows is there', async () => (await host.ask(ref, 'read .stage')) === 'ok complete', 60_000);
    const names = await host.ask(ref, 'read .oddnames');
    const { Config } = await container(ref);
    await host.provisioner.destroy(ref);
    return { names: names.replace(/^ok ?/, '').split(',').map(decodeURIComponent), env: Config.Env.join('\n') };
  };

  const { names, env } = await installed('odd');
  expect(names.sort()).toEqual(['büro.cmd', 'größe 1', 'データ.txt']);
  expect(env).toContain('LC_ALL=C.UTF-8');
  // Only there: it also changes how the image reads the setup files of old Windows versions.
  expect(await installed(null)).toEqual({ names: [''], env: expect.not.stringContaining('LC_ALL') });
});

test('a clone gets its disk, its share and the golden image read-only, and what the guest image needs', async () => {
  const vm = await cloned();

  const { Config, HostConfig, Mounts } = await container(vm);

  expect(Mounts.map(({ Type, Source, Destination, RW }) => ({ Type, Source, Destination, RW }))).toEqual(
    expect.arrayContaining([
      { Type: 'bind', Source: join(host.storage.layout.vm(vm.id), 'storage'), Destination: '/storage', RW: true },
      { Type: 'bind', Source: join(host.storage.layout.vm(vm.id), 'shared'), Destination: '/shared', RW: true },
      { Type: 'bind', Source: host.storage.layout.golden(goldenImageId), Destination: '/golden', RW: false },
    ]),
  );
  expect(Mounts).toHaveLength(3);
  expect(Config.Env).toEqual(
    expect.arrayContaining([
      'VERSION=11',
      'LANGUAGE=English',
      'RAM_SIZE=2048M',
      'RAM_CHECK=N',
      'CPU_CORES=1',
      'DISK_SIZE=64G',
      'DISK_CACHE=writeback',
      'DISK_IO=threads',
      'KVM=N',
      'TIMEOUT=105',
      `UUID=${vm.id}`,
      `MAC=${macOf(vm.id)}`,
    ]),
  );
  expect(Config.Env.join('\n')).not.toMatch(/DISK_FMT|USER_PORTS|CLEAR/);
  expect(Config).toMatchObject({
    Tty: false,
    StopTimeout: 120,
    Labels: { 'vapiorc.deployment': host.deployment, 'vapiorc.vm': vm.id },
  });
  expect(HostConfig).toMatchObject({
    RestartPolicy: { Name: 'no' },
    AutoRemove: false,
    Privileged: false,
    CapDrop: ['ALL'],
    CapAdd: expect.arrayContaining([expect.stringMatching(/NET_ADMIN$/)]),
    SecurityOpt: ['no-new-privileges'],
    Memory: (2048 + 1024) * 2 ** 20,
    MemorySwap: (2048 + 1024) * 2 ** 20,
    PidsLimit: 4096,
    PortBindings: {
      '3389/tcp': [{ HostIp: '127.0.0.1', HostPort: String(vm.port + 1000) }],
      '3389/udp': [{ HostIp: '127.0.0.1', HostPort: String(vm.port + 1000) }],
    },
  });
  expect(HostConfig.CapAdd?.join()).not.toMatch(/MKNOD|SETFCAP|SYS_ADMIN|ALL/);
  await host.provisioner.destroy(vm);
});

test('the guest finds what the golden image held, and the golden image stays as it was', async () => {
  const before = await host.storage.verify(goldenImageId);
  const [one, two] = await Promise.all([cloned(), cloned()]);

  expect(await host.ask(one, 'read .stage')).toBe('ok complete');
  expect(await host.ask(one, 'write mark one')).toBe('ok');
  expect(await host.ask(two, 'read mark')).toBe('missing');

  await Promise.all([host.provisioner.destroy(one), host.provisioner.destroy(two)]);
  expect(
    execFileSync('sha256sum', [join(host.storage.layout.golden(goldenImageId), before.disk.name)], {
      encoding: 'utf8',
    }),
  ).toContain(before.disk.sha256);
});

test('a destroyed VM leaves no byte: container, volumes, folders', async () => {
  const volumes = async () => (await docker.listVolumes()).Volumes.map((volume) => volume.Name);
  const vm = await cloned();
  await host.ask(vm, 'write secret value');
  const of = await container(vm);

  await host.provisioner.destroy(vm);

  await expect(docker.getContainer(of.Id).inspect()).rejects.toMatchObject({ statusCode: 404 });
  expect((await volumes()).filter((name) => of.Mounts.some((mount) => mount.Name === name))).toEqual([]);
  await expect(access(host.storage.layout.vm(vm.id))).rejects.toThrow(/ENOENT/);
  expect(await readdir(host.storage.layout.trash)).toEqual([]);
});

test('what root left in a folder is removed in a container, and links are not followed', async () => {
  const folder = join(host.storage.layout.trash, 'something');
  await mkdir(join(folder, '.hidden', 'deep'), { recursive: true });
  await writeFile(join(folder, '.hidden', 'deep', 'file'), '');
  await symlink(host.storage.layout.goldens, join(folder, 'link'));
  const engine = openEngine(host.settings.dockerSocket);
  const tools = new Tools(engine, host.deployment);
  const hostPaths = createHostPaths({ ...host, engine, tools, override: undefined });

  await emptyInContainer({ ...host, tools, hostPaths }, folder);

  expect(await readdir(folder)).toEqual([]);
  expect(await readdir(host.storage.layout.goldens)).toContain(goldenImageId);
  await rm(folder, { recursive: true });
});

test('a killed start is started over: folders without a container, a container that never ran', async () => {
  const spec = await host.cloneSpec(goldenImageId);
  const ref: MachineRef = { kind: 'vm', id: spec.id };
  await mkdir(join(host.storage.layout.vm(spec.id), 'storage'), { recursive: true });
  await mkdir(`${host.storage.layout.vm(spec.id)}.partial-${randomUUID()}`);
  await docker.createContainer({
    name: `vapiorc_vm_${spec.id}`,
    Image: STUB,
    Labels: { 'vapiorc.deployment': host.deployment, 'vapiorc.vm': spec.id },
  });
  expect((await host.provisioner.list()).find((one) => one.ref.id === spec.id)?.machine?.state).toBe('created');

  await host.provisioner.clone(spec);

  expect(await host.ask(ref, 'read .stage')).toBe('ok complete');
  await host.provisioner.destroy(ref);
  expect(await host.provisioner.list()).toEqual([]);
});

test('folders whose container never was are listed, so that somebody cleans up', async () => {
  const id = randomUUID();
  await mkdir(`${host.storage.layout.vm(id)}.partial-${randomUUID()}`);

  expect(await host.provisioner.list()).toEqual([{ ref: { kind: 'vm', id }, machine: undefined }]);
  await host.provisioner.destroy({ kind: 'vm', id });
  expect(await host.provisioner.list()).toEqual([]);
});

test('a container that carries our name but not our label is not touched', async () => {
  const spec = await host.cloneSpec(goldenImageId);
  const strangers = await docker.createContainer({
    name: `vapiorc_vm_${spec.id}`,
    Image: STUB,
    Entrypoint: ['sleep', '600'],
  });
  try {
    await strangers.start();

    expect(await host.provisioner.inspect({ kind: 'vm', id: spec.id })).toBeUndefined();
    await host.provisioner.destroy({ kind: 'vm', id: spec.id });
    expect(await host.provisioner.clone(spec)).toBeInstanceOf(Unavailable);

    expect((await strangers.inspect()).State.Running).toBe(true);
  } finally {
    await strangers.remove({ force: true, v: true });
  }
});

test.each([0, 1000])('a port that another program holds (web + %i) is told, and nothing is left', async (offset) => {
  const spec = await host.cloneSpec(goldenImageId);
  const holder = createServer().listen(portOf(spec.endpoint) + offset, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  try {
    await expect(host.provisioner.clone(spec)).rejects.toThrow(EndpointTaken);
    expect(await host.provisioner.list()).toEqual([]);
  } finally {
    await new Promise((resolve) => holder.close(resolve));
  }
  expect(await host.provisioner.clone(spec)).toHaveProperty('engineId');
  await host.provisioner.destroy({ kind: 'vm', id: spec.id });
});

test('guests can not reach each other, and the gateway of their network is known', async () => {
  const [one, two] = await Promise.all([cloned(), cloned()]);
  const target = await host.addressOf(two);
  await host.ask(two, 'read .stage');

  const probe = await docker.getContainer(`vapiorc_vm_${one.id}`).exec({
    Cmd: ['timeout', '2', 'bash', '-c', `echo > /dev/tcp/${target}/7777`],
  });
  await probe.start({ Detach: true });
  const done = await until(
    'the attempt ends',
    async () => {
      const state = await probe.inspect();
      return !state.Running && state;
    },
    10_000,
  );

  expect(done.ExitCode).not.toBe(0);
  const network = await docker.getNetwork(host.settings.network).inspect();
  const range = network.IPAM?.Config?.[0];
  const { doors, guests, hosts } = await host.provisioner.guestWays();
  expect(doors[0]?.address).toBe(range?.Gateway);
  expect(guests).toContain(range?.Subnet);
  expect(hosts).toContain(range?.Gateway);
  await Promise.all([host.provisioner.destroy(one), host.provisioner.destroy(two)]);
});

test('the guests of others are known in all address families, also in a network that none of us made', async () => {
  const name = `${host.settings.network}_others`;
  const network = await docker.createNetwork({
    Name: name,
    EnableIPv6: true,
    IPAM: { Driver: 'default', Config: [{ Subnet: 'fd00:30:7::/64' }, { Subnet: '10.231.8.0/24' }] },
  });
  const machine = await docker.createContainer({
    Image: host.settings.image,
    Labels: { 'vapiorc.deployment': 'another' },
    HostConfig: { NetworkMode: name },
  });
  try {
    expect(await host.provisioner.guestWays()).toMatchObject({
      guests: expect.arrayContaining(['fd00:30:7::/64', '10.231.8.0/24']),
      hosts: expect.arrayContaining(['fd00:30:7::1', '10.231.8.1']),
    });
  } finally {
    await machine.remove({ force: true });
    await network.remove();
  }
});

test('a network that many ask for at the same moment is made once', async () => {
  const name = `${host.settings.network}_once`;
  const named = async () =>
    (await docker.listNetworks({ filters: { name: [name] } })).filter(({ Name }) => Name === name);
  const removeAll = async () => {
    for (const { Id } of await named()) await docker.getNetwork(Id).remove();
  };
  try {
    for (let round = 0; round < 2; round++) {
      const servers = Array.from({ length: 4 }, () => host.another({ network: name }));
      const doors = await Promise.all(servers.flatMap((one) => [doorsOf(one), doorsOf(one)]));
      const [network, ...twins] = await named();
      expect(twins).toEqual([]);
      for (const { nat } of doors) expect(nat).toBe(network?.IPAM?.Config?.[0]?.Gateway);
      await removeAll();
    }
  } finally {
    await removeAll();
  }
});

test('a network whose name another one has is refused, with the way to mend it', async () => {
  const name = `${host.settings.network}_twins`;
  const networks = [];
  try {
    for (let n = 0; n < 2; n++) networks.push(await docker.createNetwork({ Name: name, CheckDuplicate: false }));
    const [first, second] = networks.map(({ id }) => id.slice(0, 12));
    const { provisioner } = await host.another({ network: name }).health();
    expect(provisioner).toMatchObject({ status: 'DOWN' });
    expect(provisioner.message).toMatch(
      new RegExp(`2 Docker networks of the name ${name}.*Remove the others: docker network rm ${second}`),
    );
    expect(provisioner.message).not.toContain(first);
  } finally {
    for (const network of networks) await network.remove();
  }
});

test('a network that lets guests talk to each other is used, but health says so', async () => {
  const name = `${host.settings.network}_open`;
  const network = await docker.createNetwork({ Name: name });
  try {
    const health = await host.another({ network: name }).health();

    expect(health.provisioner).toMatchObject({
      status: 'DEGRADED',
      message: expect.stringContaining('can reach each other'),
    });
  } finally {
    await network.remove();
  }
});

test('a network that somebody made without a gateway is used; one of another driver is refused by its name', async () => {
  const name = `${host.settings.network}_bare`;
  const IPAM = { Driver: 'default', Config: [{ Subnet: '10.240.8.0/24' }] };
  const network = await docker.createNetwork({ Name: name, IPAM });
  try {
    expect(await doorsOf(host.another({ network: name }))).toMatchObject({ nat: '10.240.8.1' });
    const refused = await host.another({ network: 'host' }).health();
    expect(refused.provisioner).toMatchObject({ status: 'DOWN', message: expect.stringContaining('the driver host') });
  } finally {
    await network.remove();
  }
});

test('a wrong path on the Docker host is found out before anything is made, and both paths are named', async () => {
  for (const wrong of [await mkdtemp(join(tmpdir(), 'vapiorc-wrong-')), '/nowhere/at/all']) {
    const spec = await host.cloneSpec(goldenImageId);
    const before = await readdir(host.storage.layout.vms);
    for (const top of wrong.startsWith('/nowhere') ? [] : ['golden', 'installs', 'vms']) await mkdir(join(wrong, top));

    const provisioner = host.another({ hostStoragePath: wrong });
    const refusal = await provisioner.clone(spec);

    expect(refusal).toMatchObject({
      code: 'UNAVAILABLE',
      part: 'storage',
      fix: expect.stringContaining('VAPIORC_HOST_STORAGE_PATH'),
    });
    expect((refusal as Unavailable).message).toContain(host.path);
    expect((refusal as Unavailable).message).toContain(wrong);
    expect((await provisioner.health()).storage).toMatchObject({
      status: 'DOWN',
      message: expect.stringContaining(wrong),
    });
    expect(await host.ours()).toEqual([]);
    expect(await readdir(host.storage.layout.vms)).toEqual(before);
    await rm(wrong, { recursive: true, force: true });
  }
});

test('a storage of another deployment is refused, and its machines are neither listed nor destroyed', async () => {
  const stranger = createStorage({
    path: host.path,
    deployment: 'another',
    log: createLog('silent'),
  });
  const provisioner = host.another({}, { deployment: 'another', storage: stranger });
  await mkdir(host.storage.layout.vm('8d8ac610-566d-4ef0-9c22-186b2a5ed793'));

  expect(await provisioner.clone(await host.cloneSpec(goldenImageId))).toMatchObject({
    part: 'storage',
    message: expect.stringContaining(host.deployment),
  });
  await expect(provisioner.list()).rejects.toThrow(Unavailable);
  await expect(provisioner.destroy({ kind: 'vm', id: '8d8ac610-566d-4ef0-9c22-186b2a5ed793' })).rejects.toThrow(
    Unavailable,
  );
  await access(host.storage.layout.vm('8d8ac610-566d-4ef0-9c22-186b2a5ed793'));
  expect((await provisioner.health()).storage.status).toBe('DOWN');
  await host.provisioner.destroy({ kind: 'vm', id: '8d8ac610-566d-4ef0-9c22-186b2a5ed793' });
});

test('without an engine every answer says so and what to do', async () => {
  const provisioner = host.another({ dockerSocket: '/nowhere/docker.sock' });

  expect(await provisioner.clone(await host.cloneSpec(goldenImageId))).toMatchObject({
    part: 'docker',
    fix: expect.stringContaining('Start Docker'),
  });
  await expect(provisioner.inspect({ kind: 'vm', id: randomUUID() })).rejects.toMatchObject({ part: 'docker' });
  await expect(provisioner.answersRdp(randomUUID())).rejects.toMatchObject({ part: 'docker' });
  const begun = Date.now();
  expect((await provisioner.health()).provisioner).toMatchObject({
    status: 'DOWN',
    message: expect.stringContaining('Start Docker'),
  });
  expect(Date.now() - begun).toBeLessThan(5000);
});

test('an engine that never answers does not hold up health', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vapiorc-mute-'));
  const mute = createServer(() => {}).listen(join(folder, 'docker.sock'));
  await new Promise((resolve) => mute.once('listening', resolve));
  try {
    const begun = Date.now();
    expect(await host.another({ dockerSocket: join(folder, 'docker.sock') }).health()).toMatchObject({
      provisioner: { status: 'DOWN' },
    });
    expect(Date.now() - begun).toBeLessThan(5000);
  } finally {
    mute.close();
    await rm(folder, { recursive: true });
  }
});

test('an image that is nowhere is refused', async () => {
  const provisioner = host.another({ image: '127.0.0.1:9/vapiorc/nothing:1' });

  expect(await provisioner.install(await host.installSpec(), () => {})).toMatchObject({
    part: 'image',
    fix: expect.any(String),
  });
  expect(await host.provisioner.list()).toEqual([]);
});

test('where KVM is wanted and missing, that is said before anything else happens', async () => {
  const missing = kvmProblem(await readKvmFacts(false));
  const provisioner = host.another({ kvm: true, image: '127.0.0.1:9/vapiorc/nothing:1' });
  if (missing === undefined) return; // this host has KVM

  expect(await provisioner.install(await host.installSpec(), () => {})).toMatchObject({
    part: 'kvm',
    fix: expect.stringContaining('VAPIORC_KVM=off'),
  });
  expect(await provisioner.admit({ kind: 'clone', cpuCores: 1, ramMiB: 512, diskGiB: 1 })).toMatchObject({
    part: 'kvm',
  });
  expect((await provisioner.health()).provisioner).toMatchObject({
    status: 'DOWN',
    message: expect.stringContaining('VAPIORC_KVM=off'),
  });
});

test('no more is started than the host has room for, also by callers at the same time', async () => {
  const provisioner = host.another({ capacityCheck: true });
  const { MemTotal } = await docker.info();
  const ramMiB = Math.floor(MemTotal / 2 ** 20 / 2) - 200; // two do not fit beside the host's own share
  const specs = await Promise.all([1, 2].map(() => host.cloneSpec(goldenImageId)));

  const answers = await Promise.all(specs.map((spec) => provisioner.clone({ ...spec, ramMiB })));

  expect(answers.filter((answer) => answer instanceof CapacityExhausted && answer.resource === 'memory')).toHaveLength(
    1,
  );
  expect(answers.filter((answer) => 'engineId' in answer)).toHaveLength(1);
  expect(await provisioner.admit({ kind: 'clone', cpuCores: 1, ramMiB, diskGiB: 1 })).toMatchObject({
    resource: 'memory',
  });
  for (const spec of specs) await host.provisioner.destroy({ kind: 'vm', id: spec.id });
  expect(await provisioner.admit({ kind: 'clone', cpuCores: 1, ramMiB, diskGiB: 1 })).toBeUndefined();
});

test('a changed golden image is refused as broken, and no container is made', async () => {
  const other = await aDockerHost();
  try {
    const imageId = await other.aGolden();
    const folder = other.storage.layout.golden(imageId);
    await unprotectGolden(folder);
    await writeFile(join(folder, 'data.qcow2'), 'something else');

    await expect(other.provisioner.clone(await other.cloneSpec(imageId))).rejects.toThrow(Broken);
    expect(await other.ours()).toEqual([]);
  } finally {
    await other.remove();
  }
});

test('an installation that was killed is not sealed', async () => {
  const spec = await host.installSpec();
  await host.provisioner.install(spec, () => {});
  await host.ask({ kind: 'golden', id: spec.id }, 'read .stage');
  await docker.getContainer(`vapiorc_golden_${spec.id}`).kill();

  await expect(host.provisioner.seal(spec.id)).rejects.toThrow(/not shut down cleanly/);
  await host.provisioner.destroy({ kind: 'golden', id: spec.id });
});

test('a seal that was killed after it published the image is finished when asked again', async () => {
  const spec = await host.installSpec();
  await host.provisioner.install(spec, () => {});
  await host.ask({ kind: 'golden', id: spec.id }, 'read .stage');
  await docker.getContainer(`vapiorc_golden_${spec.id}`).stop({ t: 60 });
  const order = { imageId: spec.id, vmType: '11', containerImage: STUB };
  const { disk } = await host.storage.seal(order, () => Promise.reject(new Error('not here')), ALONE.confirm);

  expect(await host.another().seal(spec.id)).toEqual({ sizeBytes: disk.size, sha256: disk.sha256 });
  expect(await host.provisioner.list()).toEqual([]);
});

test('where the server has no qemu-img, the guest image lends its own', async () => {
  const spec = await host.installSpec();
  await host.provisioner.install(spec, () => {});
  await host.ask({ kind: 'golden', id: spec.id }, 'read .stage');
  const path = process.env.PATH;
  process.env.PATH = '/nowhere';
  try {
    expect(await host.provisioner.seal(spec.id)).toHaveProperty('sha256');
  } finally {
    process.env.PATH = path;
  }
  const overlay = join(host.storage.layout.golden(spec.id), 'overlay.qcow2');
  expect((await stat(overlay)).size).toBeGreaterThan(0);
  expect((await readFile(overlay)).subarray(0, 4).toString('latin1')).toBe('QFI\u00fb');
});
