import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { until } from '../support/until.js';
import * as api from './support/api.js';
import { aDeployment, type Deployment, docker } from './support/deployment.js';
import { anEngineProxy, type EngineProxy, type Held } from './support/engineProxy.js';
import { guestAnswers } from './support/guest.js';
import { freePort } from './support/ports.js';
import type { Server } from './support/server.js';

/** A server with the engine behind a proxy of its own. */
interface Member {
  server: Server;
  engine: EngineProxy;
}

let deployment: Deployment;
let database: TestDatabase;
let members: Member[];
let db: pg.Client;

beforeEach(async () => {
  database = await createTestDatabase();
  deployment = await aDeployment({ DATABASE_URL: database.url, VAPIORC_HOT_SPARES: '0' });
  db = new pg.Client({ connectionString: database.url });
  await db.connect();
  members = [];
  for (const name of ['one', 'two']) {
    const engine = await anEngineProxy(join(deployment.folder, `${name}.sock`));
    const [port, guestPort] = name === 'one' ? [deployment.ports.api, deployment.ports.guest] : await twoPorts();
    const settings = {
      VAPIORC_DOCKER_SOCKET: engine.socket,
      VAPIORC_PORT: String(port),
      VAPIORC_GUEST_PORT: String(guestPort),
    };
    members.push({ engine, server: await deployment.start(settings) });
  }
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') console.error(tried);
  for (const { server } of members) server.signal('SIGCONT');
  await deployment?.remove();
  for (const { engine } of members) await engine.close();
  await db?.end();
  await database?.drop();
});

async function twoPorts(): Promise<[number, number]> {
  const port = await freePort();
  return [port, port + 1];
}

const times = (text: string, words: string) => text.split(words).length - 1;
const termsBegun = ({ server }: Member) => times(server.stderr(), '"this server reconciles"');
const termsEnded = ({ server }: Member) => times(server.stderr(), '"this server no longer reconciles"');

async function leaderAndOther(): Promise<[leader: Member, other: Member]> {
  return until('one leads', async () => {
    const leading = members.filter((member) => termsBegun(member) > termsEnded(member));
    const [leader] = leading;
    const other = members.find((member) => member !== leader);
    return leading.length === 1 && leader && other && ([leader, other] as [Member, Member]);
  });
}

/** What a deployment in peace has on the engine and on the disk: nothing without a row, no row without all that is its own. */
async function expectPeace(): Promise<void> {
  const { rows: vms } = await db.query<{ id: string; engineId: string }>(
    `SELECT "id", "engineId" FROM "Vm" WHERE "cleanedAt" IS NULL ORDER BY "id"`,
  );
  const { rows: goldens } = await db.query<{ id: string }>(
    `SELECT "id" FROM "GoldenImage" WHERE "status" IN ('READY', 'RETIRED') ORDER BY "id"`,
  );
  const found = await Promise.all([
    deployment.containers(),
    ...['vms', 'golden', 'installs', 'trash'].map((folder) => readdir(join(deployment.storage, folder))),
  ]);
  expect(found.map((names) => names.toSorted())).toEqual([
    vms.map(({ id }) => `vapiorc_vm_${id}`),
    vms.map(({ id }) => id),
    goldens.map(({ id }) => id),
    [],
    [],
  ]);
  for (const { id, engineId } of vms) {
    const { Id, State } = await docker.getContainer(`vapiorc_vm_${id}`).inspect();
    expect({ Id, running: State.Running }).toEqual({ Id: engineId, running: true });
  }
}

async function inPeace(limitMs = 20_000): Promise<void> {
  const end = Date.now() + limitMs;
  for (;;) {
    try {
      return await expectPeace();
    } catch (fault) {
      if (Date.now() > end) throw fault;
      await sleep(50);
    }
  }
}

/** A VM that a client holds, and what the client keeps in it. */
interface Holding {
  vm: api.Vm;
  container: string;
}

async function hold(server: Server): Promise<Holding> {
  const { vm } = await api.assignVm(server, { assignedTo: 'a client', waitSeconds: 60 });
  if (vm === null) throw new Error('no VM in time');
  const name = `vapiorc_vm_${vm.instanceId}`;
  await until('the guest answers', async () => (await guestAnswers(name, 'write note kept')) === 'ok');
  return { vm, container: (await docker.getContainer(name).inspect()).Id };
}

async function expectKept({ vm, container }: Holding): Promise<void> {
  const name = `vapiorc_vm_${vm.instanceId}`;
  expect((await docker.getContainer(name).inspect()).Id).toBe(container);
  expect(await guestAnswers(name, 'read note')).toBe('ok kept');
}

/** The parts of a life, each with what a client is left with. */
const LIFE = {
  install: async (server: Server) => {
    const image = await api.createImage(server);
    await api.imageReady(server, image.id);
  },
  clone: async (server: Server) => {
    held.push(await hold(server));
  },
  release: async (server: Server) => {
    if (held.length < 2) held.push(await hold(server));
    const { vm } = held.pop() as Holding;
    await api.releaseVm(server, vm.id);
    await api.goneVm(server, vm.id);
  },
  remove: async (server: Server) => {
    const [oldest] = (
      await api.ask<{ goldenImages: { nodes: api.Image[] } }>(
        server,
        '{ goldenImages(status: READY) { nodes { id current status } } }',
      )
    ).goldenImages.nodes.filter(({ current }) => !current);
    if (!oldest) return;
    await api.retireImage(server, oldest.id);
    await api.deleteImage(server, oldest.id);
    await until('its files are gone', async () => (await api.getImage(server, oldest.id)).status === 'DELETED');
  },
} as const;
type Part = keyof typeof LIFE;
let held: Holding[] = [];
/** What a failure is about. */
let tried = '';

/** Kind of request → the shortest part of a life in which it is asked. What is found out anew after each `clone` is asked in it. */
async function kindsOfALife(leader: Member, other: Member): Promise<Map<string, Part>> {
  const seen = new Map<string, Part>();
  for (const part of ['install', 'install', 'remove', 'clone', 'release', 'clone'] as const) {
    await leader.engine.cutEvents();
    await LIFE[part](other.server);
    for (const kind of leader.engine.kinds()) seen.set(kind, /golden/.test(kind) ? 'install' : part);
  }
  return seen;
}

/** What it does to a machine may have been done, or not, when it hangs. */
const CHANGES = /^(POST|DELETE) .*(vm|golden)$/;
/** The looks before a machine is made, each of which may be the last one. */
const LOOKS = /json (vm|golden)$/;
/** Made once, by whoever needs it first. */
const ONCE = ['POST /networks/create'];

function waysToHang(kind: string): ['before' | 'after', number][] {
  if (LOOKS.test(kind))
    return [
      ['before', 1],
      ['before', 2],
      ['before', 3],
    ];
  return CHANGES.test(kind)
    ? [
        ['before', 1],
        ['after', 1],
      ]
    : [['before', 1]];
}

test('whatever call of the leader to the engine hangs while another takes over: nothing that a client holds is touched when it ends', {
  timeout: 600_000,
}, async () => {
  held = [];
  const kinds = await kindsOfALife(...(await leaderAndOther()));
  const keeper = held[0] as Holding;
  // Those that are known: a kind that is not seen any more is not tried any more.
  expect([...kinds.keys()]).toEqual(
    expect.arrayContaining([
      'POST /containers/{}/start vm',
      'POST /containers/{}/wait tool',
      'GET /containers/{}/logs golden',
      'DELETE /containers/{}/ vm',
      'GET /events',
    ]),
  );
  for (const kind of ONCE) expect(kinds.delete(kind)).toBe(true);
  for (const [kind, part] of kinds)
    for (const [when, nth] of waysToHang(kind)) {
      tried = `the ${nth}. ${kind}, held ${when} the engine got it`;
      const [leader, other] = await leaderAndOther();
      // What was proven before is proven again, and so asked again.
      await leader.engine.cutEvents();
      const ended = termsEnded(leader);
      const order: Held = leader.engine.hold(kind, when, nth);
      if (kind === 'GET /events') void leader.engine.cutEvents().catch(() => {});
      void api.health(leader.server).catch(() => {});
      const work = LIFE[part](other.server);
      work.catch(() => {});
      await order.came();
      await db.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'vapiorc leader'
          AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)`);
      await until('the other takes over', async () => termsBegun(other) > termsEnded(other), 10_000);
      await work;
      await expectKept(keeper);
      order.release();
      await until('the old leader has ended what it did', async () => termsEnded(leader) > ended);
      await until('its last call is over', async () => leader.engine.busy() === 0);
      for (const holding of held) await expectKept(holding);
      await inPeace();
      // One is kept throughout.
      while (held.length > 1) await LIFE.release(other.server);
    }
});

test('a leader that is frozen is followed within 10 s, and destroys, swaps and doubles nothing when it wakes; it serves again', {
  timeout: 240_000,
}, async () => {
  held = [];
  await LIFE.install((await leaderAndOther())[1].server);
  await LIFE.clone((await leaderAndOther())[1].server);
  const keeper = held[0] as Holding;
  for (const [kind, when] of [
    ['POST /containers/create vm', 'after'],
    ['POST /containers/{}/start vm', 'after'],
  ] as const) {
    const [leader, other] = await leaderAndOther();
    const ended = termsEnded(leader);
    const order = leader.engine.hold(kind, when);
    const work = LIFE.clone(other.server);
    tried = `${kind}, held ${when} the engine got it`;
    work.catch(() => {});
    await order.came();
    leader.server.signal('SIGSTOP');
    const frozen = Date.now();
    await until('the other takes over', async () => termsBegun(other) > termsEnded(other), 15_000);
    expect(Date.now() - frozen).toBeLessThan(10_000);
    // A guest that was started by the frozen server calls in there, so it is READY only when that wakes.
    if (!kind.includes('start')) await work;
    order.release();
    leader.server.signal('SIGCONT');
    await work;
    await until('the old leader has ended what it did', async () => termsEnded(leader) > ended);
    await until('its last call is over', async () => leader.engine.busy() === 0);
    for (const holding of held) await expectKept(holding);
    // What was frozen answers as before, and knows what happened meanwhile.
    const mine = held.at(-1) as Holding;
    expect((await api.getVm(leader.server, mine.vm.id)).status).toBe('ASSIGNED');
    while (held.length > 1) await LIFE.release(leader.server);
    await inPeace();
    await expectKept(keeper);
  }
});
