import { execFileSync } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/domain/limits.js';
import { createLog } from '../../src/log.js';
import { startEmbeddedPostgres } from '../../src/postgres/embedded.js';
import { aSmallDisk, type SmallDisk } from '../support/smallDisk.js';
import { until } from '../support/until.js';
import * as api from './support/api.js';
import { aDeployment, type Deployment } from './support/deployment.js';
import { postgresOf, type Server } from './support/server.js';

const isRoot = process.getuid?.() === 0;
const LIMIT_MS = 240_000;
const SPARES = 8;

const opened: { remove: () => Promise<unknown> }[] = [];
/** Is removed after the test, in reverse order. */
function removed<T extends { remove: () => Promise<unknown> }>(one: T): T {
  opened.push(one);
  return one;
}
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.remove();
}, LIMIT_MS);

/** What came of a statement: "done", the SQLSTATE, or the words of who was cut off. */
async function sql(url: string, text: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(text);
    return 'done';
  } catch (err) {
    return (err as { code?: string }).code ?? String(err);
  } finally {
    await client.end().catch(() => undefined);
  }
}
/** Uses what room Postgres still has in its own tables: the next page is one too many. */
async function useUpPages(url: string): Promise<void> {
  for (let n = 0; n < 20_000; n++) {
    const said = await sql(
      url,
      `INSERT INTO "Event" ("at", "kind", "actor", "data") SELECT now(), 'POOL_CHANGED', 'api', '{}' FROM generate_series(1, 20)`,
    );
    if (said === '53100') return;
  }
  throw new Error('the tables had room for ever');
}
/** Uses what room is left in its log: it ends, and ends again when it comes back. */
async function useUpLog(url: string): Promise<void> {
  for (let n = 0; n < 1_000; n++)
    if ((await sql(url, `SELECT pg_logical_emit_message(false, 'test', repeat('x', 1000000))`)) !== 'done') return;
  throw new Error('the log had room for ever');
}

/** The embedded database on a disk of its own, which a stranger fills to the last byte. */
describe.runIf(isRoot)('a full disk under the embedded database', () => {
  let deployment: Deployment;
  let disk: SmallDisk;
  let server: Server;
  let held: api.Vm[];

  beforeEach(async () => {
    deployment = removed(
      await aDeployment({
        VAPIORC_PROVISIONER: 'simulated',
        VAPIORC_SIMULATED_INSTALL_MS: '200',
        VAPIORC_SIMULATED_BOOT_MS: '100',
        VAPIORC_HOT_SPARES: '0',
      }),
    );
    disk = removed(await aSmallDisk(deployment.storage, 800));
    server = await deployment.start();
    const { id } = await api.createImage(server);
    await api.imageReady(server, id);
    await api.setPool(server, { hotSpares: SPARES, maxVms: SPARES });
    await api.sparesReady(server, SPARES);
    held = [];
    for (let n = 0; n < SPARES - 1; n++) {
      const { vm } = await api.assignVm(server, { assignedTo: `task ${n}` });
      held.push(vm as api.Vm);
    }
    await api.setPool(server, { hotSpares: 1, maxVms: SPARES + 2 });
    await api.sparesReady(server, 1);
    await until('the reserve is whole', async () => (await reserveBytes()) === LIMITS.databaseReserveBytes.value);
  }, LIMIT_MS);

  const home = () => join(deployment.storage, 'postgres');
  const namesIn = (folder: string) => readdir(folder).catch(() => [] as string[]);
  async function reserveBytes(): Promise<number> {
    const folder = join(home(), 'reserve');
    const files = (await namesIn(folder)).filter((name) => name !== 'draft').map((name) => stat(join(folder, name)));
    // What they take on the disk, not how long they say they are.
    return (
      (await Promise.all(files)).reduce((sum, { blocks }) => sum + Math.floor((blocks * 512) / 2 ** 20), 0) * 2 ** 20
    );
  }
  async function url(): Promise<string> {
    const [, , , port] = (await readFile(join(home(), 'data/postmaster.pid'), 'utf8')).split('\n');
    const password = await readFile(join(home(), 'password'), 'utf8');
    return `postgresql://vapiorc:${password}@127.0.0.1:${port}/vapiorc`;
  }
  const database = async () => (await api.health(server)).body.database;
  const assign = () =>
    api.assignVm(server, { assignedTo: 'a new task', cancelIfLate: true }).then(
      ({ vm }) => vm?.status ?? 'QUEUED',
      (refusal: Error) => refusal.message,
    );

  async function releaseAll(): Promise<void> {
    for (const vm of held) await api.releaseVm(server, vm.id);
    for (const vm of held) await api.goneVm(server, vm.id);
  }
  async function goesOnWhenThereIsRoom(): Promise<void> {
    expect(await assign()).toMatch(/the disk of the database is full.*Free \d+ MiB/);
    await disk.clear();
    await until('the reserve is made again', async () => (await reserveBytes()) === LIMITS.databaseReserveBytes.value);
    await until('a VM is handed out', async () => (await assign()) === 'ASSIGNED');
    await api.sparesReady(server, 1);
    await until('its health says so', async () => (await database()).status === 'ok');
  }

  test('VMs are released and images deleted from the reserve, and nothing else uses it', {
    timeout: LIMIT_MS,
  }, async () => {
    await disk.fill();
    await useUpPages(await url());

    // Who needs room is told so, and does not get at the reserve.
    await until('an order is refused', async () => /disk of the database is full/.test(await assign()));
    expect(await reserveBytes()).toBe(LIMITS.databaseReserveBytes.value);
    const before = await database();
    expect(before.status).toBe('degraded');
    expect(before.message).toContain(
      `0 MiB left on the disk of the database (mounted at ${disk.path}): it is full, only what makes room is done`,
    );
    const order =
      'mutation { assignVm(input: {assignedTo: "x", cancelIfLate: true}) { __typename ... on Unavailable { fix } } }';
    expect(await api.post(server, order)).toMatchObject({
      data: {
        assignVm: { __typename: 'Unavailable', fix: expect.stringMatching(/^Free \d+ MiB more in .*release VMs/) },
      },
    });

    await releaseAll();

    expect(await reserveBytes()).toBeLessThan(LIMITS.databaseReserveBytes.value);
    expect(await reserveBytes()).toBeGreaterThan(0);
    const inUse = await database();
    expect(inUse.status).toBe('degraded');
    expect(inUse.message).toMatch(
      /only what makes room is done, .* from a reserve of which \d+ MiB of 128 MiB are left\. Free/,
    );
    const rest = await fetch(`${server.url}/api/vms/assign?assigned_to=x`, { method: 'POST' });
    expect([rest.status, await rest.json()]).toMatchObject([
      503,
      { code: 'UNAVAILABLE', fix: expect.stringContaining('Free') },
    ]);
    const created = await api.tryCreateImage(server).catch((refusal: Error) => refusal);
    expect(JSON.stringify(created instanceof Error ? created.message : created)).toMatch(
      /disk of the database is full/,
    );
    // The last spare goes, and with it what its image is kept for.
    await api.setPool(server, { hotSpares: 0 });
    await until('the spare is gone', async () => (await api.getPool(server))?.counts.live === 0);
    await api.setPool(server, { hotSpares: 1 });

    await goesOnWhenThereIsRoom();
    await server.stop();
  });

  test('a Postgres that ended for want of room in its log comes back, and VMs are released', {
    timeout: LIMIT_MS,
  }, async () => {
    await disk.fill();
    await useUpLog(await url());

    await releaseAll();

    await goesOnWhenThereIsRoom();
    await server.stop();
  });

  test('killed between giving the reserve up and making it again, all of it, it comes up and goes on', {
    timeout: LIMIT_MS,
  }, async () => {
    await disk.fill();
    await useUpPages(await url());
    await useUpLog(await url());
    await api.releaseVm(server, held[0]?.id ?? '');
    await api.goneVm(server, held[0]?.id ?? '');
    const left = await reserveBytes();
    expect(left).toBeLessThan(LIMITS.databaseReserveBytes.value);

    await server.kill();
    for (const pid of await postgresOf(deployment.storage)) process.kill(pid, 'SIGKILL');
    await until('its Postgres has ended', async () => (await postgresOf(deployment.storage)).length === 0);
    await disk.fill();
    server = await deployment.start();

    // Simulated machines are gone with their server.
    await until('no VM is left', async () => (await api.getPool(server))?.counts.live === 0);
    await goesOnWhenThereIsRoom();
    await server.stop();
  });
});

describe.runIf(isRoot)('a full disk under a database of the user’s own', () => {
  test('is named to whoever writes, with the fix, and in its health', { timeout: LIMIT_MS }, async () => {
    const deployment = removed(
      await aDeployment({
        VAPIORC_PROVISIONER: 'simulated',
        VAPIORC_SIMULATED_INSTALL_MS: '200',
        VAPIORC_SIMULATED_BOOT_MS: '100',
      }),
    );
    const disk = removed(await aSmallDisk(join(deployment.folder, 'disk'), 500));
    const postgres = await startEmbeddedPostgres({ dir: join(disk.path, 'postgres'), log: createLog('silent') });
    removed({ remove: () => postgres.stop() });
    const server = await deployment.start({ DATABASE_URL: postgres.url });
    const { id } = await api.createImage(server);
    await api.imageReady(server, id);
    await api.sparesReady(server, 2);
    const { vm } = await api.assignVm(server, { assignedTo: 'a task' });
    await api.sparesReady(server, 2);

    await disk.fill();
    await useUpPages(postgres.url);
    const release = `mutation { releaseVm(input: {id: ${JSON.stringify(vm?.id)}}) { __typename } }`;
    const { errors } = await until('a write is refused', async () => {
      const answer = await api.post(server, release);
      if (answer.errors) return answer;
      await api.post(server, 'mutation { ensureHotSpares(input: {}) { __typename } }');
      return false;
    });
    expect(errors?.[0]).toMatchObject({
      message: 'the disk of the database is full',
      extensions: { code: 'UNAVAILABLE', fix: expect.stringContaining('Make room where Postgres keeps its data') },
    });
    expect((await api.health(server)).body.database).toMatchObject({
      status: 'degraded',
      message: expect.stringContaining('the disk of the database is full: Make room'),
    });

    await disk.clear();
    await api.releaseVm(server, vm?.id ?? '');
    await api.goneVm(server, vm?.id ?? '');
    await until('its health is well', async () => (await api.health(server)).body.database.status === 'ok');
    await server.stop();
  });
});

describe.runIf(isRoot)('a full disk under the VMs', () => {
  test('the VM that fills it is ended, and none where it is a stranger', { timeout: LIMIT_MS }, async () => {
    const deployment = removed(await aDeployment({ VAPIORC_HOT_SPARES: '3' }));
    const disk = removed(await aSmallDisk(deployment.storage, 800));
    const server = await deployment.start();
    const { id } = await api.createImage(server);
    await api.imageReady(server, id);
    await api.sparesReady(server, 3, LIMIT_MS);
    const filler = (await api.assignVm(server, { assignedTo: 'who fills' })).vm as api.Vm;
    const others = [
      (await api.assignVm(server, { assignedTo: 'another' })).vm as api.Vm,
      (await api.assignVm(server, { assignedTo: 'a third' })).vm as api.Vm,
    ];
    await api.setPool(server, { hotSpares: 0 });
    await until('no spare is left', async () => (await api.getPool(server))?.counts.live === 3, LIMIT_MS);

    // As QEMU writes what a guest writes to its disk.
    const writes = Math.floor(await disk.freeMiB()) - 4;
    execFileSync('fallocate', [
      '-l',
      `${writes}M`,
      join(deployment.storage, 'vms', filler.instanceId, 'storage/data.grown'),
    ]);
    const failed = await until('it is ended', async () => {
      const now = await api.getVm(server, filler.id);
      return now.status === 'FAILED' && now;
    });
    expect(failed.reason).toMatch(
      /storage has only \d+ MiB left, and this VM holds \d+ MiB with its disk and its share/,
    );
    await until('there is room again', async () => (await disk.freeMiB()) > 200);

    await disk.fill(4);
    await until('people are told', async () => server.stderr().includes('nearly full, and not by VMs'));
    // As many looks as would have ended all.
    await sleep(4_000);
    for (const { id } of others) expect(await api.getVm(server, id)).toMatchObject({ status: 'ASSIGNED' });
    expect((await api.health(server)).body.storage.status).toBe('degraded');

    await disk.clear();
    for (const vm of others) await api.releaseVm(server, vm.id);
    await until('no machine is left', async () => (await deployment.containers()).length === 0, LIMIT_MS);
    await server.stop();
  });
});
