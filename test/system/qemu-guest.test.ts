import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, statfs } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { until } from '../support/until.js';
import * as api from './support/api.js';
import { commandIs, runCommand } from './support/commands.js';
import { aDeployment, type Deployment, docker, removeMachines } from './support/deployment.js';
import { guestAnswers } from './support/guest.js';
import type { Server } from './support/server.js';
import { QEMU } from './support/standIns.js';

/**
 * What only a real guest shows: what goes through its share and its keyboard, and what can go wrong around it while commands run and files
 * are moved. The storage is a small file system of its own, and the database lies elsewhere: a full one ends neither.
 */
let deployment: Deployment;
let database: TestDatabase;
let server: Server;
let vm: api.Vm;
let files: string;

/** QEMU emulates the processor here. */
const LIMIT_MS = 150_000;
const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

beforeAll(async () => {
  database = await createTestDatabase();
  deployment = await aDeployment({ VAPIORC_IMAGE: QEMU, DATABASE_URL: database.url, VAPIORC_QEMU_AGENT: 'on' });
  await mkdir(deployment.storage);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1600m', 'tmpfs', deployment.storage]);
  server = await deployment.start();
  await api.setPool(server, { hotSpares: 1 });
  const { id } = await api.createImage(server);
  await api.imageReady(server, id, LIMIT_MS);
  await api.sparesReady(server, 1, LIMIT_MS);
  vm = (await api.assignVm(server, { assignedTo: 'a task' })).vm as api.Vm;
  await api.setPool(server, { hotSpares: 0 });
  files = `${server.url}/api/vms/instances/${vm.instanceId}/files`;
}, 400_000);
afterAll(async () => {
  await server?.kill();
  if (deployment) {
    await removeMachines(deployment.storage);
    execFileSync('umount', ['--lazy', deployment.storage]);
    await deployment.remove();
  }
  await database?.drop();
});

const folder = (name: string) => join(deployment.storage, 'vms', vm.instanceId, name);
const put = (path: string, body: string | Uint8Array<ArrayBuffer>) =>
  fetch(`${files}/${path}`, { method: 'PUT', body });
const run = (command: string, input?: object) => runCommand(server, vm.id, command, input);

/** Begins an upload of 100 MB and sends a tenth of it; resolves when the server has written some of that. */
async function halfAnUpload(name: string): Promise<Socket> {
  const { port, pathname } = new URL(`${files}/in/${name}`);
  const socket = connect(Number(port), '127.0.0.1').setEncoding('utf8');
  socket.on('error', () => {});
  socket.write(`PUT ${pathname} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n`);
  socket.write(Buffer.alloc(10_000_000));
  await until('a part of it is there', async () => {
    const [draft] = await readdir(folder('uploads')).catch(() => []);
    return draft !== undefined && (await stat(join(folder('uploads'), draft))).size > MIB;
  });
  return socket;
}

test('a command of 32 KiB of quotes, signs and characters of all kinds comes back as it went', async () => {
  const line = `"double" 'single' \`back\` $HOME %PATH% ^& | < > é ß 日本語 😀 \\n`;
  const lines = Array.from({ length: Math.floor(32_700 / (line.length + 1)) }, () => line).join('\n');
  const command = `cat <<'END'\n${lines}\nEND`;
  expect(command.length).toBeGreaterThan(32_500);

  expect(await run(command)).toMatchObject({ status: 'EXITED', exitCode: 0, stdout: `${lines}\n`, stderr: '' });
});

test('what is typed over the API the guest reads', async () => {
  await api.ask(
    server,
    `mutation($id: ID!) { sendKeys(input: { vmId: $id, text: "Hello, guest!\\n" }) { ... on Refusal { message } } }`,
    { id: vm.id },
  );
  const typed = () => guestAnswers(`vapiorc_vm_${vm.instanceId}`, 'read .keys');
  await until('it is read', async () => (await typed()) === 'ok Hello, guest!');
});

test('where it is switched on the QEMU guest agent runs commands as well', { timeout: 90_000 }, async () => {
  expect(
    await run('echo by the other way; echo trouble >&2; exit 4', { transport: 'QEMU_GUEST_AGENT', waitSeconds: 28 }),
  ).toMatchObject({ status: 'EXITED', exitCode: 4, stdout: 'by the other way\n', stderr: 'trouble\n' });
});

test('files of no byte, of one, with odd names, and many at once go into the guest and come back', async () => {
  const contents = new Map([
    ['empty', ''],
    ['one', '1'],
    ["1+2=3;&@!$'()[]{}~`^#%41", 'signs'],
    ['grün 日本語 😀.txt', 'characters'],
    ['x'.repeat(200), 'long'],
    ...Array.from({ length: 40 }, (_, n) => [`many-${n}`, 'm'.repeat(n * 1000)] as const),
  ]);
  const path = (name: string) => `odd/${encodeURIComponent(name)}`;
  const up = await Promise.all([...contents].map(([name, text]) => put(`in/${path(name)}`, text)));
  expect(up.map(({ status }) => status)).toEqual(up.map(() => 201));

  const copied = await run('cp -r /z/in/odd /z/out/ && ls /z/out/odd | wc -l');
  expect(copied).toMatchObject({ exitCode: 0, stdout: `${contents.size}\n`, stderr: '' });
  const down = [...contents.keys()].map(async (name) => {
    const answer = await fetch(`${files}/out/${path(name)}`);
    return [name, await answer.text()] as const;
  });
  expect(new Map(await Promise.all(down))).toEqual(contents);
});

test('five sparse gigabytes that the guest made are read where something is', async () => {
  const made = await run(
    `truncate -s ${5 * GIB} /z/out/sparse && printf end | dd of=/z/out/sparse bs=1 seek=${5 * GIB - 3} conv=notrunc`,
  );
  expect(made).toMatchObject({ exitCode: 0 });

  const end = await fetch(`${files}/out/sparse`, { headers: { range: 'bytes=-3' } });
  expect(end.headers.get('content-range')).toBe(`bytes ${5 * GIB - 3}-${5 * GIB - 1}/${5 * GIB}`);
  expect(await end.text()).toBe('end');
  expect((await stat(join(folder('shared'), 'out/sparse'))).blocks * 512).toBeLessThan(100 * MIB);
});

test('killed while commands run, the server has the end of each after its restart, and none runs twice', {
  timeout: 120_000,
}, async () => {
  const noted = 'echo once >> /z/out/runs';
  const [ends, stays] = await Promise.all([
    run(`${noted}; echo begun; until [ -e /z/in/end ]; do sleep 0.2; done; echo ended; exit 5`, { waitSeconds: 0 }),
    run(`${noted}; echo begun; until [ -e /z/in/stay ]; do sleep 0.2; done; echo stayed`, { waitSeconds: 0 }),
  ]);
  for (const { id } of [ends, stays]) await commandIs(server, id, ({ stdout }) => stdout === 'begun\n');
  await server.kill();
  execFileSync('touch', [join(folder('shared'), 'in/end')]);
  const output = join(folder('shared'), 'commands', ends.commandId, 'stdout');
  await until('one has ended, unheard', async () => (await readFile(output, 'utf8')) === 'begun\nended\n', 60_000);

  server = await deployment.start();
  const over = ({ status }: { status: string }) => status !== 'RUNNING';
  expect(await commandIs(server, ends.id, over)).toMatchObject({
    status: 'EXITED',
    exitCode: 5,
    stdout: 'begun\nended\n',
  });
  expect((await put('in/stay', '')).status).toBe(201);
  expect(await commandIs(server, stays.id, over)).toMatchObject({ status: 'EXITED', stdout: 'begun\nstayed\n' });
  expect(await run('cat /z/out/runs')).toMatchObject({ stdout: 'once\nonce\n' });
});

test('a guest that restarts in the middle of a command loses that, and keeps its VM and its files', {
  timeout: 180_000,
}, async () => {
  const lost = await run('echo begun; sleep 600', { waitSeconds: 0 });
  await commandIs(server, lost.id, ({ stdout }) => stdout === 'begun\n');
  await guestAnswers(`vapiorc_vm_${vm.instanceId}`, 'reboot');
  expect((await put('in/meanwhile', 'meanwhile')).status).toBe(201);

  expect(await commandIs(server, lost.id, ({ status }) => status !== 'RUNNING', LIMIT_MS)).toMatchObject({
    status: 'FAILED',
    stdout: 'begun\n',
    reason: 'the guest restarted while it ran',
  });
  expect(await run('cat /z/in/meanwhile')).toMatchObject({ status: 'EXITED', stdout: 'meanwhile' });
  expect(await api.getVm(server, vm.id)).toMatchObject({ status: 'ASSIGNED', assignedTo: 'a task' });
});

test('a VM that is killed in the middle of a command and of an upload ends both with the reason, and leaves nothing', {
  timeout: 60_000,
}, async () => {
  const { id } = await run('echo begun; sleep 600', { waitSeconds: 0 });
  await commandIs(server, id, ({ stdout }) => stdout === 'begun\n');
  const socket = await halfAnUpload('half');
  let answer = '';
  socket.on('data', (text: string) => {
    answer += text;
  });
  const closed = once(socket, 'close');
  await docker.getContainer(`vapiorc_vm_${vm.instanceId}`).kill();

  await closed;
  expect(answer).toMatch(/^(HTTP\/1\.1 409 |$)/);
  const ended = await commandIs(server, id, ({ status }) => status !== 'RUNNING');
  expect(ended).toMatchObject({ status: 'FAILED', stdout: 'begun\n', reason: expect.any(String) });
  const failed = await api.getVm(server, vm.id);
  expect(failed).toMatchObject({ status: 'FAILED', reason: expect.stringContaining('137') });
  await until(
    'its folder is gone',
    async () => !(await readdir(join(deployment.storage, 'vms'))).includes(vm.instanceId),
  );
  expect((await fetch(`${files}/out/runs`)).status).toBe(409);
  await until('its trash is gone', async () => (await readdir(join(deployment.storage, 'trash'))).length === 0);
});

test('a guest that fills the storage by its share is ended with the reason, and others go on', {
  timeout: 400_000,
}, async () => {
  await api.setPool(server, { hotSpares: 2 });
  await api.sparesReady(server, 2, LIMIT_MS);
  const other = (await api.assignVm(server, { assignedTo: 'another task' })).vm as api.Vm;
  vm = (await api.assignVm(server, { assignedTo: 'a task' })).vm as api.Vm;
  await api.setPool(server, { hotSpares: 0 });
  files = `${server.url}/api/vms/instances/${vm.instanceId}/files`;
  // Most of it at once: through an emulated processor it would take minutes.
  const { bavail, bsize } = await statfs(deployment.storage);
  execFileSync('fallocate', ['-l', String(bavail * bsize - 50 * MIB), join(folder('shared'), 'out/fill')]);
  const refused = await put('in/more', 'more');
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({ code: 'CAPACITY_EXHAUSTED', fix: expect.any(String) });
  expect(await readdir(folder('uploads')).catch(() => [])).toEqual([]);

  const filling = await run('cat /dev/zero >> /z/out/fill', { waitSeconds: 0 });
  // A look each 10 s, which counts what all VMs hold; the emulated guest takes its share of the processors meanwhile.
  const failed = await until(
    'it is ended',
    async () => {
      const now = await api.getVm(server, vm.id);
      return now.status === 'FAILED' && now;
    },
    90_000,
  );
  expect(failed.reason).toMatch(/storage has only \d+ MiB left, and this VM holds \d+ MiB with its disk and its share/);
  // It may have met the end of the disk before the end of its VM.
  expect(await commandIs(server, filling.id, ({ status }) => status !== 'RUNNING')).not.toMatchObject({ exitCode: 0 });
  await until('there is room again', async () => (await statfs(deployment.storage)).bavail * bsize > 500 * MIB);
  expect(await runCommand(server, other.id, 'echo still here')).toMatchObject({ exitCode: 0, stdout: 'still here\n' });
});
