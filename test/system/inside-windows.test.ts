import { createHash, randomBytes } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { until } from '../support/until.js';
import * as api from './support/api.js';
import { COMMAND, type Command, runCommand } from './support/commands.js';
import { aDeployment, type Deployment } from './support/deployment.js';
import { follow } from './support/follow.js';
import { QEMU } from './support/standIns.js';

let deployment: Deployment | undefined;
afterEach(() => deployment?.remove());

/** QEMU emulates the processor here. */
const LIMIT_MS = 150_000;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function expectPicture(url: string): Promise<void> {
  const picture = await fetch(url);
  expect(picture.headers.get('content-type')).toBe('image/png');
  expect([...new Uint8Array(await picture.arrayBuffer()).slice(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);
}

test.each([
  ['NAT', 'nat'],
  ['user-mode networking', 'user'],
])(
  'with %s: an image seals itself, and a task works in its VM through the API alone',
  { timeout: 400_000 },
  async (_name, mode) => {
    deployment = await aDeployment({ VAPIORC_IMAGE: QEMU, VAPIORC_NETWORK_MODE: mode });
    const server = await deployment.start();
    await api.setPool(server, { hotSpares: 1 });

    const { id, imageId } = await api.createImage(server);
    const told = await follow<api.Image>(
      server,
      'subscription($id: ID!) { goldenImageProgress(id: $id) { status phase progress message reason } }',
      { id },
    );
    const shown = `${server.url}/api/vms/golden-images/${imageId}/screenshot`;
    await until('the installation shows its screen', async () => (await fetch(shown)).ok, LIMIT_MS);
    await expectPicture(shown);
    await told.until('the image is READY', ({ status }) => status === 'READY' || status === 'FAILED', LIMIT_MS);
    await told.stop();
    expect(told.told.at(-1)).toMatchObject({ status: 'READY', reason: null });
    const installing = told.told.filter(({ status }) => status === 'INSTALLING');
    const progress = installing.flatMap((image) => image.progress ?? []);
    expect(progress.length).toBeGreaterThan(2);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(installing.map(({ phase }) => phase)).toContain('CONFIGURING');

    await api.sparesReady(server, 1, LIMIT_MS);
    const vm = (await api.assignVm(server, { assignedTo: 'task_1' })).vm as api.Vm;
    const files = `${server.url}/api/vms/instances/${vm.instanceId}/files`;

    const greeting = await runCommand(server, vm.id, 'echo hello\necho trouble >&2\nexit 7');
    expect(greeting).toMatchObject({ status: 'EXITED', exitCode: 7, stdout: 'hello\n', stderr: 'trouble\n' });

    const content = randomBytes(3_000_000);
    const put = await fetch(`${files}/in/tools/data%20%C3%A4.bin`, { method: 'PUT', body: content });
    expect(await put.json()).toMatchObject({ size: content.length, sha256: sha256(content) });
    const copied = await runCommand(
      server,
      vm.id,
      "cp '/z/in/tools/data ä.bin' /z/out/back.bin && sha256sum < /z/out/back.bin",
    );
    expect(copied).toMatchObject({ exitCode: 0, stdout: `${sha256(content)}  -\n` });
    const got = new Uint8Array(await (await fetch(`${files}/out/back.bin`)).arrayBuffer());
    expect(sha256(got)).toBe(sha256(content));

    const talks = 'echo one\nuntil [ -e /z/in/go-on ]; do sleep 0.2; done\necho two\nsleep 300';
    const talking = await runCommand(server, vm.id, talks, { waitSeconds: 0 });
    const output = await follow<Command>(server, `subscription($id: ID!) { commandUpdated(id: $id) { ${COMMAND} } }`, {
      id: talking.id,
    });
    await output.until(
      'the first line is told while it runs',
      (now) => now.status === 'RUNNING' && now.stdout === 'one\n',
    );
    await fetch(`${files}/in/go-on`, { method: 'PUT', body: '' });
    await output.until('the second line follows', ({ stdout }) => stdout === 'one\ntwo\n');
    await api.ask(server, 'mutation($id: ID!) { cancelCommand(input: { id: $id }) { __typename } }', {
      id: talking.id,
    });
    await output.until('it is cancelled', ({ status }) => status === 'CANCELLED');
    await output.stop();
    expect(await runCommand(server, vm.id, 'ps | grep -c "[s]leep 300"')).toMatchObject({ stdout: '0\n' });

    await expectPicture(`${server.url}/api/vms/instances/${vm.instanceId}/screenshot`);

    await api.releaseVm(server, vm.id);
    await api.goneVm(server, vm.id);
    expect((await fetch(`${files}/out/back.bin`)).status).toBe(409);
    await server.stop();
  },
);
