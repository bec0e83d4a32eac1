import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/until.js';
import * as api from './support/api.js';
import { aDeployment, type Deployment, docker } from './support/deployment.js';
import type { Server } from './support/server.js';

const run = promisify(execFile);
const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
/** What a server may grow by while gigabytes pass through it, in bytes: buffers, and what the collector has not come to yet. */
const MAY_GROW = 160 * MIB;

let deployment: Deployment;
let server: Server;
let vm: api.Vm;
/** What the installation had of the user's own files. */
let installedWith: string;

beforeAll(async () => {
  deployment = await aDeployment();
  server = await deployment.start();
  await api.setPool(server, { hotSpares: 1 });
  await curl([
    '-X',
    'PUT',
    '-H',
    'Content-Type: application/octet-stream',
    '--data-binary',
    'echo hello\n',
    `${server.url}/api/oem-bundles/mine/files/10-run.cmd`,
  ]);
  const { id, imageId } = await api.createImage(server, { oemBundle: 'mine' });
  const copy = join(deployment.storage, 'installs', imageId, 'oem', 'custom', '10-run.cmd');
  installedWith = await until('the bundle is there', () => readFile(copy, 'utf8').catch(() => undefined));
  await api.imageReady(server, id);
  vm = (await api.assignVm(server, { assignedTo: 'a task', waitSeconds: 60 })).vm as api.Vm;
});
afterAll(() => deployment?.remove());

const folder = (name: string) => join(deployment.storage, 'vms', vm.instanceId, name);
const url = (path: string) => `${server.url}/api/vms/instances/${vm.instanceId}/files/${path}`;
const uploads = () => readdir(folder('uploads')).catch(() => []);

/** Runs curl; what it wrote. `zeros`: how many bytes are piped into it. */
async function curl(args: string[], zeros = 0): Promise<string> {
  const from = zeros > 0 ? `head -c ${zeros} /dev/zero | ` : '';
  const { stdout } = await run('sh', ['-c', `${from}exec curl -sS --fail-with-body "$@"`, 'sh', ...args]);
  return stdout;
}

/** How many bytes come of a part of a file; what they are is left to the system. */
async function count(range: string, path: string): Promise<number> {
  return Number(await curl(['-r', range, '-o', '/dev/null', '-w', '%{size_download}', url(path)]));
}

/** Resident memory of the server, in bytes, now and at its highest so far. */
async function memory(): Promise<{ now: number; most: number }> {
  const status = await readFile(`/proc/${server.pid}/status`, 'utf8');
  const kib = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]);
  return { now: kib('VmRSS') * 1024, most: kib('VmHWM') * 1024 };
}

/** Runs `work` and answers the most memory that the server had while it ran, less what it had before. */
async function growthDuring(work: () => Promise<unknown>): Promise<number> {
  // Resets the kernel's mark of the highest.
  const mark = await open(`/proc/${server.pid}/clear_refs`, 'w');
  await mark.write('5');
  await mark.close();
  const before = (await memory()).now;
  await work();
  return (await memory()).most - before;
}

test('an installation has the bundle that it was asked for with', () => {
  expect(installedWith).toBe('echo hello\r\n');
});

test('what a caller puts into in/ the container of the VM has, and what it puts into out/ the caller gets', async () => {
  await curl([
    '-X',
    'PUT',
    '-H',
    'Content-Type: application/octet-stream',
    '--data-binary',
    'hello',
    url('in/folder/x.txt'),
  ]);
  const exec = await docker.getContainer(`vapiorc_vm_${vm.instanceId}`).exec({
    Cmd: ['cp', '-a', '/shared/in/folder/x.txt', '/shared/out/y.txt'],
    AttachStdout: true,
    AttachStderr: true,
  });
  const stream = await exec.start({});
  stream.resume();
  await once(stream, 'end');

  expect(await curl([url('out/y.txt')])).toBe('hello');
  const list = JSON.parse(await curl([url('out/')])) as { entries: { path: string; size: number }[] };
  expect(list.entries.filter(({ path }) => path === 'out/y.txt')).toMatchObject([{ size: 5 }]);
});

test('a gigabyte goes up, chunked, in flat memory', { timeout: 120_000 }, async () => {
  let answer = '';
  const started = performance.now();
  const growth = await growthDuring(async () => {
    answer = await curl(['-T', '-', url('in/gigabyte')], GIB);
  });
  console.log(`1 GiB up: ${Math.round(performance.now() - started)} ms, memory +${Math.round(growth / MIB)} MiB`);

  expect(JSON.parse(answer)).toMatchObject({ size: GIB, guest_path: 'Z:\\in\\gigabyte' });
  expect((await stat(join(folder('shared'), 'in/gigabyte'))).size).toBe(GIB);
  expect(growth).toBeLessThan(MAY_GROW);
  expect(await uploads()).toEqual([]);
});

test('five gigabytes come down, resumed in the middle, in flat memory', { timeout: 180_000 }, async () => {
  const size = 5 * GIB;
  const file = await open(join(folder('shared'), 'out/large'), 'w');
  await file.truncate(size);
  const mark = Buffer.from('here is the middle');
  await file.write(mark, 0, mark.length, size - 2 * GIB);
  await file.write(mark, 0, mark.length, size - mark.length);
  await file.close();

  const started = performance.now();
  const growth = await growthDuring(async () => {
    expect(await count(`0-${size - 2 * GIB - 1}`, 'out/large')).toBe(3 * GIB);
    expect(await count(`${size - 2 * GIB}-`, 'out/large')).toBe(2 * GIB);
  });
  console.log(`5 GiB down: ${Math.round(performance.now() - started)} ms, memory +${Math.round(growth / MIB)} MiB`);

  expect(growth).toBeLessThan(MAY_GROW);
  const middle = `${size - 2 * GIB}-${size - 2 * GIB + mark.length - 1}`;
  for (const range of [middle, `-${mark.length}`])
    expect(await curl(['-r', range, url('out/large')])).toBe(String(mark));
});

test('an upload that the disk has no room for is refused before it is sent', async () => {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1').setEncoding('utf8');
  const path = new URL(url('in/huge')).pathname;
  socket.write(`PUT ${path} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: ${2 ** 50}\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [string];
  socket.destroy();

  expect(answer).toMatch(/^HTTP\/1.1 503 /);
  expect(answer).toContain('CAPACITY_EXHAUSTED');
});

test('killed in the middle of an upload, the server leaves no half file, and the old one is whole', {
  timeout: 120_000,
}, async () => {
  await curl(['-X', 'PUT', '-H', 'Content-Type: application/octet-stream', '--data-binary', 'old', url('in/kept')]);
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => {});
  const path = new URL(url('in/kept')).pathname;
  socket.write(`PUT ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n`);
  socket.write(Buffer.alloc(10_000_000));
  await until('half of it is there', async () => {
    const [draft] = await uploads();
    return draft !== undefined && (await stat(join(folder('uploads'), draft))).size > 1_000_000;
  });

  await server.kill();
  expect(await uploads()).toHaveLength(1);
  server = await deployment.start();

  expect(await curl([url('in/kept')])).toBe('old');
  await until('what was half-received is gone', async () => (await uploads()).length === 0);
  expect(await readdir(join(folder('shared'), 'in'))).toContain('kept');
});

test('a download ends when the VM is given back, and its files go with it', { timeout: 60_000 }, async () => {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => {});
  const path = new URL(url('out/large')).pathname;
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await once(socket, 'readable');
  await api.releaseVm(server, vm.id);
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  await once(socket, 'close');

  expect(bytes).toBeLessThan(5 * GIB);
  await api.goneVm(server, vm.id);
  await expect(stat(folder('.'))).rejects.toThrow('ENOENT');
  const refused = await fetch(url('out/large'));
  expect(refused.status).toBe(409);
});
