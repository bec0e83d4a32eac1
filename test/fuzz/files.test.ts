import { readdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { aShare, type TestShare } from '../storage/aShare.js';
import { aVm } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';
import { ANSWER_MS, type Draw, fuzz } from './support/fuzz.js';

let world: World;
let files: TestShare;
let vmId: string;
beforeAll(async () => {
  world = await startWorld({}, { engine: { share: () => files.share } });
});
afterAll(() => world.close());
beforeEach(async () => {
  files = await aShare();
  await writeFile(join(files.outside, 'secret'), 'nobody may have this');
  vmId = (await aVm(world.db, { status: 'ASSIGNED', assignedTo: 'alice' })).id;
  return () => files.remove();
});

interface Call {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Uint8Array;
}

/** As it is: fetch would tidy the path up. */
function send({ method, path, headers, body }: Call): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(world.url);
    const call = request({ hostname, port, method, path, headers, timeout: ANSWER_MS }, (response) => {
      let text = '';
      response.setEncoding('latin1').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('close', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    call.on('timeout', () => call.destroy(new Error(`no answer: ${method} ${path}`)));
    call.on('error', (err: NodeJS.ErrnoException) =>
      err.code === 'ECONNRESET' || err.code === 'EPIPE' ? resolve({ status: 0, text: '' }) : reject(err),
    );
    call.end(body);
  });
}

const NAMES = [
  'in',
  'out',
  'a',
  'b.txt',
  'con',
  'NUL.txt',
  'x.',
  '%20x',
  '..',
  '.',
  '%2e%2e',
  '%2F',
  '%5c',
  '%00',
  '%FF',
  'outside',
  '%E2%80%AE',
  'a:b',
  '~',
  '%20',
];

function aCall(draw: Draw): Call {
  const names = draw.many(4, () =>
    draw.below(4) > 0 ? draw.pick(NAMES) : encodeURIComponent(draw.text().toWellFormed()),
  );
  const path = [
    draw.below(6) > 0 ? draw.pick(['in', 'out']) : '',
    ...names,
    draw.flip() ? draw.pick(['a', 'b.txt', '']) : 'a',
  ].join('/');
  const query = draw.pick([
    '',
    '',
    '',
    '?recursive=true',
    '?limit=1',
    '?assigned_to=alice',
    '?assigned_to=bob',
    '?after=%00',
    '?sha256=x',
    '?limit=0&after=a',
    '?x',
  ]);
  const headers: Record<string, string> = {};
  const text = () => draw.text().replace(/[^\x20-\x7e]/g, '');
  for (const [name, right] of [
    ['range', 'bytes=0-3'],
    ['if-none-match', '*'],
    ['if-match', '*'],
    ['if-range', '"x"'],
    ['content-range', 'bytes 0-3/10'],
    ['repr-digest', 'sha-256=:AAAA:'],
    ['content-digest', 'sha-256=:AAAA:'],
    ['want-repr-digest', 'sha-256=1'],
    ['content-type', 'application/json'],
    ['content-encoding', 'gzip'],
    ['expect', '100-continue'],
  ] as const)
    if (draw.below(8) === 0) headers[name] = draw.flip() ? right : text();
  const method = draw.pick(['PUT', 'PUT', 'GET', 'GET', 'HEAD', 'DELETE', 'POST', 'PATCH']);
  const body = method === 'PUT' || draw.below(8) === 0 ? draw.bytes(300) : new Uint8Array();
  return { method, path: `/api/vms/instances/${vmId}/files/${path}${query}`, headers, body };
}

test('no call on files faults, leaves anything behind or leads out of the share', async () => {
  await fuzz(12, async (draw) => {
    const calls = draw.many(4, () => aCall(draw));
    for (const call of calls) {
      const { status, text } = await send(call);
      expect([call, status < 500, text]).toEqual([call, true, expect.not.stringContaining('nobody may have this')]);
    }
  });
  expect(await readFile(join(files.outside, 'secret'), 'utf8')).toBe('nobody may have this');
  expect(await readdir(files.outside)).toEqual(['secret']);
  expect((await readdir(files.root)).sort()).toEqual(['in', 'out']);
  expect(await readdir(files.uploads).catch(() => [])).toEqual([]);
  expect(world.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
}, 600_000);
