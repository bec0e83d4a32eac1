import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, readlink, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { releaseVm } from '../../src/actions/vm/releaseVm.js';
import { LIMITS } from '../../src/domain/limits.js';
import { aShare, type TestShare } from '../storage/aShare.js';
import { aVm } from '../support/rows.js';
import { until } from '../support/until.js';
import { startWorld, type World } from '../support/world.js';
import { call, expectProblem } from './support/call.js';

const run = promisify(execFile);
let world: World;
let files: TestShare;
let vmId: string;

beforeAll(async () => {
  world = await startWorld({}, { engine: { share: () => files.share } });
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.empty();
  files = await aShare();
  vmId = (await aVm(world.db, { status: 'ASSIGNED', assignedTo: 'alice' })).id;
  return () => files.remove();
});

const at = (path: string) => `/api/vms/instances/${vmId}/files/${path}`;
const put = (path: string, body: BodyInit, headers: Record<string, string> = {}) =>
  call(world.url, 'PUT', at(path), { body, headers });
const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex');
const inBase64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64');

/** What curl would otherwise say of --data-binary is a form, which is no file. */
const curlPut = (url: string) =>
  curl('-X', 'PUT', '-H', 'Content-Type: application/octet-stream', '--data-binary', 'x', url);

/** As curl sends it: no URL of fetch's in between, which would take out dots. */
async function curl(...args: string[]): Promise<{ status: number; body: string }> {
  const { stdout: out } = await run('curl', ['-sS', '--path-as-is', '--globoff', '-w', '\n%{http_code}', ...args]);
  const end = out.lastIndexOf('\n');
  return { status: Number(out.slice(end + 1)), body: out.slice(0, end) };
}

async function nothingLeft(): Promise<void> {
  await until('no upload is left', async () => (await readdir(files.uploads).catch(() => [])).length === 0);
}

test('a file goes in, is listed, comes out, is replaced and goes', async () => {
  const first = await put('in/tools/set%20up.bin', 'hello');

  expect(first.status).toBe(201);
  expect(first.body).toEqual({
    path: 'in/tools/set up.bin',
    size: 5,
    sha256: sha256('hello'),
    guest_path: 'Z:\\in\\tools\\set up.bin',
  });
  expect(await readFile(join(files.root, 'in/tools/set up.bin'), 'utf8')).toBe('hello');
  expect((await stat(join(files.root, 'in/tools/set up.bin'))).mode & 0o7777).toBe(0o666);
  expect((await stat(join(files.root, 'in/tools'))).mode & 0o7777).toBe(0o2777);

  expect((await put('in/tools/set%20up.bin', 'again')).status).toBe(200);
  const list = await call(world.url, 'GET', at('in/tools/'));
  expect(list.body).toEqual({
    entries: [
      { name: 'set up.bin', kind: 'file', size: 5, modified_at: expect.any(String), path: 'in/tools/set up.bin' },
    ],
    next: null,
  });
  const got = await call(world.url, 'GET', at('in/tools/set%20up.bin'));
  expect([got.status, got.body]).toEqual([200, 'again']);
  expect(Object.fromEntries(got.headers)).toMatchObject({
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    'content-length': '5',
    'content-disposition': 'attachment; filename="set up.bin"; filename*=UTF-8\'\'set%20up.bin',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  });

  expectProblem(await call(world.url, 'DELETE', at('in/tools')), 409, 'CONFLICT');
  expect((await call(world.url, 'DELETE', at('in/tools?recursive=true'))).status).toBe(200);
  expectProblem(await call(world.url, 'DELETE', at('in/tools')), 404, 'NOT_FOUND', { what: 'file' });
  expectProblem(await call(world.url, 'GET', at('in/tools/')), 404, 'NOT_FOUND');
});

test.each([
  ['0 bytes', Buffer.alloc(0)],
  ['1 byte', Buffer.alloc(1, 7)],
  ['more than other routes take', Buffer.alloc(3 * 1024 * 1024 + 1, 7)],
])('a file of %s goes both ways', async (_, content) => {
  expect((await put('in/x', content)).body).toMatchObject({ size: content.length, sha256: sha256(content) });

  const got = await fetch(`${world.url}${at('in/x')}`);
  expect(Buffer.from(await got.arrayBuffer()).equals(content)).toBe(true);
  const head = await call(world.url, 'HEAD', at('in/x'), { headers: { 'want-repr-digest': 'sha-256=10' } });
  expect(head.headers.get('content-length')).toBe(String(content.length));
  expect(head.headers.get('repr-digest')).toBe(`sha-256=:${inBase64(sha256(content))}:`);
});

test('a chunked upload without a length is taken whole', async () => {
  const parts = ['one ', 'two ', 'three'];
  const body = new ReadableStream({
    pull(controller) {
      const part = parts.shift();
      if (part === undefined) controller.close();
      else controller.enqueue(Buffer.from(part));
    },
  });
  const answer = await call(world.url, 'PUT', at('in/x'), { body, duplex: 'half' } as RequestInit);

  expect(answer.body).toMatchObject({ size: 13, sha256: sha256('one two three') });
});

test('the sum is checked, however it is given, and a wrong one leaves nothing', async () => {
  const good = sha256('hello');
  const bad = sha256('other');
  const field = (sum: string) => `sha-256=:${inBase64(sum)}:`;

  expect((await put('in/a', 'hello', { 'content-digest': `sha-512=:AA==:, ${field(good)}` })).status).toBe(201);
  expect((await put('in/b', 'hello', { 'repr-digest': field(good) })).status).toBe(201);
  expect((await put(`in/c?sha256=${good.toUpperCase()}`, 'hello')).status).toBe(201);
  expectProblem(await put('in/d', 'hello', { 'content-digest': field(bad) }), 409, 'CONFLICT');
  expectProblem(await put(`in/d?sha256=${bad}`, 'hello'), 409, 'CONFLICT');
  expectProblem(await put('in/d', 'hello', { 'content-digest': 'sha-256=:AA==:' }), 422, 'INVALID_INPUT');
  expectProblem(await put('in/d?sha256=1', 'hello'), 422, 'INVALID_INPUT', { field: 'sha256' });
  expectProblem(await put(`in/d?sha256=${bad}`, 'hello', { 'repr-digest': field(good) }), 422, 'INVALID_INPUT');
  expect(await readdir(join(files.root, 'in'))).toEqual(['a', 'b', 'c']);
  await nothingLeft();
});

test('If-None-Match: * keeps what is there', async () => {
  expect((await put('in/x', 'first', { 'if-none-match': '*' })).status).toBe(201);
  expectProblem(await put('in/x', 'second', { 'if-none-match': '*' }), 412, 'CONFLICT');
  expect(await readFile(join(files.root, 'in/x'), 'utf8')).toBe('first');
  for (const header of ['if-none-match', 'if-match', 'content-range', 'content-encoding'])
    expectProblem(await put('in/x', 'y', { [header]: '"x"' }), 422, 'INVALID_INPUT', { field: header });
});

test('parts of a file are served, and only of the file as it was', async () => {
  await put('in/x', '0123456789');
  const get = (headers: Record<string, string>) => call(world.url, 'GET', at('in/x'), { headers });
  const etag = (await get({})).headers.get('etag') ?? '';
  const modified = (await get({})).headers.get('last-modified') ?? '';

  const cases: [string, string, string][] = [
    ['bytes=0-0', '0', 'bytes 0-0/10'],
    ['bytes=3-5', '345', 'bytes 3-5/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=-4', '6789', 'bytes 6-9/10'],
    ['bytes=5-999', '56789', 'bytes 5-9/10'],
    ['bytes=-999', '0123456789', 'bytes 0-9/10'],
  ];
  for (const [range, body, contentRange] of cases) {
    const part = await get({ range });
    expect([range, part.status, part.body, part.headers.get('content-range')]).toEqual([
      range,
      206,
      body,
      contentRange,
    ]);
    expect(part.headers.get('content-length')).toBe(String(body.length));
  }
  for (const range of ['bytes=5-3', 'bytes=0-1,4-5', 'lines=1-2', 'bytes=-'])
    expect((await get({ range })).status).toBe(200);
  for (const range of ['bytes=10-', 'bytes=-0']) {
    const beyond = await get({ range });
    expectProblem(beyond, 416, 'RANGE_NOT_SATISFIABLE');
    expect(beyond.headers.get('content-range')).toBe('bytes */10');
  }
  expect((await get({ range: 'bytes=3-5', 'if-range': etag })).status).toBe(206);
  expect((await get({ range: 'bytes=3-5', 'if-range': modified })).status).toBe(206);
  expect((await get({ range: 'bytes=3-5', 'if-range': '"other"' })).status).toBe(200);
  expect((await get({ 'if-none-match': `"x", W/${etag}` })).status).toBe(304);

  await put('in/x', '9876543210');
  const changed = await get({ range: 'bytes=3-5', 'if-range': etag });
  expect([changed.status, changed.body]).toEqual([200, '9876543210']);
});

test('a listing goes page by page, in order', async () => {
  for (const name of ['b', 'c', 'a', 'ä', '%F0%9F%98%80']) await put(`in/${name}`, name);
  await mkdir(join(files.root, 'in', 'folder'));
  await symlink('/etc/passwd', join(files.root, 'in', 'link'));

  const seen: string[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const after = next === '' ? '' : `&after=${encodeURIComponent(next)}`;
    const { body } = await call(world.url, 'GET', at(`in/?limit=2${after}`));
    expect(body.entries.length).toBeLessThanOrEqual(2);
    seen.push(...body.entries.map(({ path }: { path: string }) => path));
    next = body.next;
  }
  expect(seen).toEqual(['in/a', 'in/b', 'in/c', 'in/folder', 'in/ä', 'in/😀']);
  expectProblem(await call(world.url, 'GET', at(`in/?limit=${LIMITS.fileListItems.value + 1}`)), 422, 'INVALID_INPUT', {
    field: 'limit',
  });
  expectProblem(await call(world.url, 'GET', at('in/?limit=x')), 422, 'INVALID_INPUT', { field: 'limit' });
});

test('names are decoded exactly once, and nothing climbs', async () => {
  const tries: [string, number][] = [
    ['in/..', 422],
    ['in/../x', 422],
    ['in/%2e%2e/x', 422],
    ['in/%2e%2E%2fx', 422],
    ['in/a/../../../../../../../../x', 422],
    ['../../x/files/in/y', 422],
    ['in/./x', 422],
    ['in//x', 422],
    ['in/', 422],
    ['in', 422],
    ['', 422],
    ['elsewhere/x', 422],
    ['out/x', 422],
    ['guest.cfg', 422],
    ['in/a%2fb', 422],
    ['in/a%5cb', 422],
    ['in/a%00b', 422],
    ['in/a%0ab', 422],
    ['in/%c0%ae%c0%ae/x', 422],
    ['in/%ff', 422],
    ['in/%', 422],
    ['in/C:/x', 422],
    ['in/x:stream', 422],
    ['in/x::$DATA', 422],
    ['in/CON', 422],
    ['in/con.txt', 422],
    ['in/lpt1', 422],
    ['in/COM%C2%B9', 422],
    ['in/dot.', 422],
    ['in/blank%20', 422],
    [`in/${'n'.repeat(256)}`, 422],
    [`in/${'n/'.repeat(40)}n`, 422],
    [`in/${`${'n'.repeat(99)}/`.repeat(3)}n`, 422],
  ];
  for (const [path, status] of tries) {
    const answer = await curlPut(`${world.url}${at(path)}`);
    expect([path, answer.status]).toEqual([path, status]);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'INVALID_INPUT', field: 'path', fix: expect.any(String) });
  }
  const backslash = await curlPut(`${world.url}${at('in/a\\b')}`);
  expect(backslash.status).toBe(400);
  expect(await readdir(join(files.root, 'in'))).toEqual([]);
  expect(await readdir(files.outside)).toEqual([]);

  // Twice encoded it is a name like any other.
  expect((await curlPut(`${world.url}${at('in/%252e%252e')}`)).status).toBe(201);
  expect((await curlPut(`${world.url}${at("in/1+2=3;&@!$'()[]{}~`^#")}`)).status).toBe(201);
  expect((await curlPut(`${world.url}${at('in/grün')}`)).status).toBe(201);
  expect((await readdir(join(files.root, 'in'))).toSorted()).toEqual(['%2e%2e', "1+2=3;&@!$'()[]{}~`^", 'grün']);
});

test('what the guest made is read under any name, but never through a link or from a pipe', async () => {
  const out = join(files.root, 'out');
  await writeFile(join(files.outside, 'secret'), 'secret');
  await writeFile(join(out, 'con.'), 'odd');
  await writeFile(join(out, 'quote"\n\\.txt'), 'odder');
  await symlink(join(files.outside, 'secret'), join(out, 'link'));
  await symlink(files.outside, join(out, 'folder'));
  await run('mkfifo', [join(out, 'pipe')]);

  expect((await call(world.url, 'GET', at('out/con.'))).body).toBe('odd');
  const odd = await call(world.url, 'GET', at('out/quote%22%0A%5C.txt'));
  expect(odd.body).toBe('odder');
  expect(odd.headers.get('content-disposition')).toBe(
    'attachment; filename="quote___.txt"; filename*=UTF-8\'\'quote%22%0A%5C.txt',
  );
  for (const path of ['out/link', 'out/folder/secret', 'out/folder/', 'out/pipe', 'out/missing', 'out/con./x'])
    expectProblem(await call(world.url, 'GET', at(path)), 404, 'NOT_FOUND');
  expect((await call(world.url, 'GET', at('out'))).body.entries.map(({ name }: { name: string }) => name)).toEqual([
    'con.',
    'quote"\n\\.txt',
  ]);
});

test('in/ and out/ themselves stay', async () => {
  for (const path of ['in', 'in/', 'out?recursive=true'])
    expectProblem(await call(world.url, 'DELETE', at(path)), 422, 'INVALID_INPUT', { field: 'path' });
  expectProblem(await call(world.url, 'DELETE', at('in/x?recursive=yes')), 422, 'INVALID_INPUT', {
    field: 'recursive',
  });
});

test('only the files of a VM that somebody holds, and that is yours where you say so', async () => {
  const of = (id: string, query = '') => call(world.url, 'GET', `/api/vms/instances/${id}/files/in/${query}`);
  const spare = await aVm(world.db, { status: 'READY', hotSpare: true });
  const own = await aVm(world.db, { status: 'READY', hotSpare: false });
  const over = await aVm(world.db, { status: 'RELEASING' });

  expectProblem(await of(randomUUID()), 404, 'NOT_FOUND', { what: 'VM' });
  expectProblem(await of('no-id'), 422, 'INVALID_INPUT', { field: 'instance_id' });
  expectProblem(await of(spare.id), 409, 'CONFLICT');
  expectProblem(await of(over.id), 409, 'CONFLICT');
  expect((await of(own.id)).status).toBe(200);
  expect((await of(vmId, '?assigned_to=alice')).status).toBe(200);
  expectProblem(await of(vmId, '?assigned_to=bob'), 409, 'CONFLICT');
  expectProblem(
    await call(world.url, 'PUT', `/api/vms/instances/${vmId}/files/in/x?assigned_to=bob`, { body: 'x' }),
    409,
    'CONFLICT',
  );
  expectProblem(await call(world.url, 'POST', at('in/x')), 405, 'METHOD_NOT_ALLOWED');
});

test('a web page of another origin may not put a file', async () => {
  expectProblem(await put('in/x', 'x', { origin: 'http://evil.example' }), 403, 'FOREIGN_ORIGIN');
});

test('a form is no file, and nothing of it is kept; whatever a client says of bytes is one', async () => {
  const form = new FormData();
  form.set('file', new Blob(['x']), 'x.exe');
  for (const body of [form, new URLSearchParams({ a: 'b' })]) {
    const answer = await put('in/x', body);
    expectProblem(answer, 415, 'MALFORMED', { fix: expect.stringContaining('application/octet-stream') });
  }
  for (const type of ['Multipart/Mixed; boundary=x', 'nonsense', 'a/b/c', `x${'y'.repeat(9_000)}`])
    expectProblem(await put('in/x', 'x', { 'content-type': type }), 415, 'MALFORMED');
  const url = `${world.url}${at('in/x')}`;
  expect((await curl('-X', 'PUT', '--data-binary', 'x', url)).status).toBe(415);
  expect(await readdir(join(files.root, 'in'))).toEqual([]);
  await nothingLeft();

  expect((await curl('-T', '/etc/hostname', url)).status).toBe(201);
  for (const type of [
    'application/octet-stream',
    'application/json',
    'text/plain;charset=UTF-8',
    'application/vnd.ms-cab',
  ])
    expect((await put('in/x', 'x', { 'content-type': type })).status).toBe(200);
  expect((await put('in/x', new Blob(['x']))).status).toBe(200);
  expect((await curl('-X', 'PUT', '--data-binary', 'x', '-H', 'Content-Type:', url)).status).toBe(200);
});

/** Sends the beginning of a PUT by hand. */
async function beginPut(path: string, length: number, beginning: string) {
  const socket = connect(Number(new URL(world.url).port), '127.0.0.1');
  socket.on('error', () => {});
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    answer += text;
  });
  await once(socket, 'connect');
  socket.write(`PUT ${at(path)} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${beginning}`);
  await until('the upload has begun', async () => (await readdir(files.uploads).catch(() => [])).length === 1);
  return { socket, answer: () => answer };
}

test.each([
  ['by an end', (socket: import('node:net').Socket) => socket.end()],
  ['by a reset', (socket: import('node:net').Socket) => socket.resetAndDestroy()],
])('an upload that is cut off %s leaves nothing, in the log neither', async (_, cut) => {
  const { socket } = await beginPut('in/folder/x', 1000, 'half');
  cut(socket);

  await nothingLeft();
  expect(await readdir(join(files.root, 'in'))).toEqual([]);
  expect(world.log.filter(({ level }) => Number(level) >= 30)).toEqual([]);
});

test('an upload into a VM that is released ends at once and leaves nothing', async () => {
  const { answer } = await beginPut('in/x', 1000, 'half');
  await releaseVm({ db: world.db, write: world.write } as never, { id: vmId });

  await until('it is answered', async () => answer().includes('being released'));
  expect(answer()).toMatch(/^HTTP\/1.1 409 /);
  await nothingLeft();
  expect(await readdir(join(files.root, 'in'))).toEqual([]);
});

/** Takes the headers of a download of 64 MiB and reads no further. */
async function beginGet(): Promise<import('node:net').Socket> {
  await writeFile(join(files.root, 'out', 'large'), '');
  await truncate(join(files.root, 'out', 'large'), 64 * 1024 * 1024);
  const socket = connect(Number(new URL(world.url).port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`GET ${at('out/large')} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await once(socket, 'readable');
  return socket;
}

async function restOf(socket: import('node:net').Socket): Promise<number> {
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  await once(socket, 'close');
  return bytes;
}

test('a download ends with the VM, and short', async () => {
  const socket = await beginGet();
  await releaseVm({ db: world.db, write: world.write } as never, { id: vmId });

  expect(await restOf(socket)).toBeLessThan(64 * 1024 * 1024);
});

test('a file that shrinks while it is read breaks the connection off', async () => {
  const socket = await beginGet();
  await truncate(join(files.root, 'out', 'large'), 1024);

  expect(await restOf(socket)).toBeLessThan(64 * 1024 * 1024);
  expect(world.log.filter(({ level }) => Number(level) >= 30)).toEqual([]);
});

test('fifty at once', async () => {
  const content = (n: number) => Buffer.alloc(200_000 + n, n);
  const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => put(`in/many/${n}`, content(n))));

  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
  await Promise.all(
    answers.map(async (_, n) => {
      const got = await fetch(`${world.url}${at(`in/many/${n}`)}`);
      expect(Buffer.from(await got.arrayBuffer()).equals(content(n))).toBe(true);
    }),
  );
  await nothingLeft();
});

test('of those that overwrite one file at once the last one stays, whole', async () => {
  const contents = Array.from({ length: 20 }, (_, n) => String(n % 10).repeat(300_000 + n));
  const answers = await Promise.all(contents.map((content) => put('in/x', content)));

  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(contents).toContain(await readFile(join(files.root, 'in/x'), 'utf8'));
  await nothingLeft();
});

test('a server with simulated machines says that there are no files', async () => {
  const { share } = files;
  Reflect.set(files, 'share', undefined);
  expectProblem(await put('in/x', 'x'), 409, 'CONFLICT');
  Reflect.set(files, 'share', share);
});

/** Whether this process holds a file open whose path ends so. */
async function isOpenHere(end: string): Promise<boolean> {
  const descriptors = await readdir('/proc/self/fd');
  const paths = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return paths.some((path) => path.endsWith(end));
}

test.each(['the caller leaves', 'the VM is released'])(
  'the sum of a file is not worked out any further when %s',
  async (why) => {
    await writeFile(join(files.root, 'out/huge'), '');
    await truncate(join(files.root, 'out/huge'), 2 ** 42);
    const isOpen = () => isOpenHere('/out/huge');
    const caller = new AbortController();
    const headers = { 'want-repr-digest': 'sha-256=10' };
    const answer = fetch(`${world.url}${at('out/huge')}`, { headers, signal: caller.signal }).catch(() => undefined);
    await until('the file is read', isOpen);

    if (why === 'the caller leaves') caller.abort();
    else await releaseVm({ db: world.db, write: world.write } as never, { id: vmId });

    await until('the file is closed', async () => !(await isOpen()));
    const status = (await answer)?.status;
    expect(status).toBe(why === 'the caller leaves' ? undefined : 409);
    expect(world.log).toEqual([]);
  },
);

test('the sum of a file that the guest makes shorter meanwhile is a conflict, and no fault', async () => {
  const place = join(files.root, 'out/shrinks');
  await writeFile(place, '');
  await truncate(place, 2 ** 36);
  const answer = call(world.url, 'GET', at('out/shrinks'), { headers: { 'want-repr-digest': 'sha-256=10' } });
  await until('the file is read', () => isOpenHere('/out/shrinks'));
  await truncate(place, 5);
  expectProblem(await answer, 409, 'CONFLICT');
  expect(world.log).toEqual([]);
});
