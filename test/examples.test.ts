import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Db, openDatabase } from '../src/db/client.js';
import { type SimulatedServer, startSimulatedServer } from './support/simulatedServer.js';
import { until } from './support/until.js';
import { createImage, imageReady } from './system/support/api.js';
import { ROOT } from './system/support/build.js';

let server: SimulatedServer;
let db: Db;

beforeAll(async () => {
  server = await startSimulatedServer();
  db = openDatabase(server.databaseUrl);
  const { id } = await createImage(server);
  await imageReady(server, id);
});
afterAll(async () => {
  await db?.$disconnect();
  await server?.close();
});

interface Example {
  child: ChildProcess;
  said: { stdout: string; stderr: string };
  ended: Promise<number | null>;
}

function startExample(program: string, ...args: string[]): Example {
  const [command = '', ...first] = program.split(' ');
  const child = spawn(command, [...first, ...args], {
    cwd: join(ROOT, 'examples'),
    env: { ...process.env, VAPIORC_URL: server.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  return { child, said, ended: once(child, 'close').then(([code]) => code as number | null) };
}

/** Who holds a VM now. */
const holders = async () => (await db.vm.findMany({ where: { status: 'ASSIGNED' } })).map((vm) => vm.assignedTo);

test('ci-job.ts prints what the command says, ends with its exit code, and releases the VM', async () => {
  const example = startExample('node --import tsx ci-job.ts', 'hostname\nnope\nexit /b 7');
  expect([await example.ended, example.said.stderr]).toEqual([7, expect.stringContaining("'nope' is not recognized")]);
  expect(example.said.stdout).toMatch(/^WIN-[0-9A-F]{8}\r\n$/);
  expect(await holders()).toEqual([]);
  expect(await db.assignment.count({ where: { assignedTo: { startsWith: 'job-' }, status: 'ENDED' } })).toBe(1);
});

test('rest.sh prints the answer, and releases the VM', async () => {
  const example = startExample('sh rest.sh', 'rem C:\\new\necho "by curl"');
  expect([await example.ended, example.said.stderr]).toEqual([
    0,
    expect.stringMatching(/^got the VM .*\nreleased it\n$/),
  ]);
  expect(JSON.parse(example.said.stdout)).toMatchObject({ status: 'EXITED', exit_code: 0, stdout: '"by curl"\r\n' });
  expect(await holders()).toEqual([]);
  expect(await db.assignment.count({ where: { assignedTo: 'rest.sh', status: 'ENDED' } })).toBe(1);
});

test('watch-events.ts tells each event once and in its order, also when the server was away', async () => {
  const example = startExample('node --import tsx watch-events.ts');
  const told = () => example.said.stdout.split('\n').flatMap((line) => (line === '' ? [] : [line.split(' ')[0]]));
  const all = async () => (await db.event.findMany({ orderBy: { seq: 'asc' } })).map(({ seq }) => String(seq));
  const toldAll = async () => told().length > 0 && told().join() === (await all()).join();
  await until('it has told of the past', toldAll);

  await server.restart();
  await until('it was disconnected', async () => example.said.stderr.includes('going on after'));
  // The simulated VMs went down with the server.
  await until('spares were made anew', async () => (await db.event.count({ where: { kind: 'VM_CLEANED' } })) > 0);
  await until('it has told of that, and of all in between', toldAll);
  example.child.kill();
  await example.ended;
});
