import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { getDeployment } from '../../src/db/deployment.js';
import { LIMITS } from '../../src/domain/limits.js';
import { VERSION } from '../../src/version.js';
import { anImage, aPool, aVm } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';
import { ask, errorOf, read } from './support/ask.js';

const nodeId = (type: string, id: string) => Buffer.from(`${type}:${id}`).toString('base64');

describe('queries', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ VAPIORC_PUBLIC_HOST: 'vm.example' });
  });
  afterAll(() => world.close());

  test('a VM is found by its id and by the bare UUID, with links that work from outside', async () => {
    const { id } = await aVm(world.db, { endpoint: '8042', engineId: 'c0ffee' });
    const fields = `id instanceId vmType status hotSpare assignedTo port rdpPort novncUrl containerId cpuCores ramMiB reason
      createdAt changedAt readyAt assignedAt cleanedAt allowedActions assignment { id } goldenImage { version vms { nodes { instanceId } } }`;
    const { bare, node } = await read(
      world,
      `query ($bare: ID!, $id: ID!) { bare: vm(id: $bare) { ${fields} } node: vm(id: $id) { ${fields} } }`,
      { bare: id.toUpperCase(), id: nodeId('Vm', id) },
    );

    expect(bare).toEqual(node);
    expect(bare).toMatchObject({
      id: nodeId('Vm', id),
      instanceId: id,
      vmType: '11',
      status: 'READY',
      hotSpare: true,
      assignedTo: null,
      port: 8042,
      rdpPort: 9042,
      novncUrl: 'http://vm.example:8042',
      containerId: 'c0ffee',
      cpuCores: 2,
      ramMiB: 4096,
      cleanedAt: null,
      allowedActions: ['DESTROY'],
      assignment: null,
      goldenImage: { version: 1, vms: { nodes: [{ instanceId: id }] } },
    });
    expect(bare.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test('node and nodes read every kind of object by its id', async () => {
    const image = await anImage(world.db, { vmType: '10' });
    const vm = await aVm(world.db, { vmType: '10' });
    const assignment = await world.db.assignment.create({
      data: { id: randomUUID(), poolId: vm.poolId, vmType: '10', assignedTo: 'x' },
    });
    const ids = [
      nodeId('Pool', '10'),
      nodeId('Assignment', assignment.id),
      nodeId('Vm', randomUUID()),
      nodeId('Vm', vm.id),
      nodeId('GoldenImage', image.id),
    ];

    const { node, nodes } = await read(
      world,
      'query ($id: ID!, $ids: [ID!]!) { node(id: $id) { __typename id ... on Vm { status rdpPort allowedActions goldenImage { imageId } } } nodes(ids: $ids) { __typename id } }',
      {
        id: ids[3],
        ids,
      },
    );

    expect(node).toEqual({
      __typename: 'Vm',
      id: ids[3],
      status: 'READY',
      rdpPort: Number(vm.endpoint) + 1000,
      allowedActions: ['DESTROY'],
      goldenImage: { imageId: image.id },
    });
    expect(nodes).toEqual([
      { __typename: 'Pool', id: ids[0] },
      { __typename: 'Assignment', id: ids[1] },
      null,
      { __typename: 'Vm', id: ids[3] },
      { __typename: 'GoldenImage', id: ids[4] },
    ]);
  });

  test.each([
    ['vm', 'rubbish', 'BAD_USER_INPUT'],
    ['vm', nodeId('GoldenImage', randomUUID()), 'BAD_USER_INPUT'],
    ['vm', nodeId('Vm', 'not-a-uuid'), 'BAD_USER_INPUT'],
    ['goldenImage', nodeId('Vm', randomUUID()), 'BAD_USER_INPUT'],
    ['assignment', "' OR 1=1", 'BAD_USER_INPUT'],
    ['node', randomUUID(), 'BAD_USER_INPUT'],
    ['node', nodeId('Vm', 'not-a-uuid'), 'BAD_USER_INPUT'],
    ['node', nodeId('Deployment', '1'), 'BAD_USER_INPUT'],
    ['node', '', 'BAD_USER_INPUT'],
  ])('%s(id: %j) says that this is not an id', async (field, id, code) => {
    const error = await errorOf(world, `query ($id: ID!) { ${field}(id: $id) { __typename } }`, { id });
    expect(error.extensions).toMatchObject({ code, field: 'id', fix: expect.any(String) });
  });

  test.each(['vm', 'goldenImage', 'assignment'])('%s answers null for an id that nothing has', async (field) => {
    expect(await read(world, `query ($id: ID!) { ${field}(id: $id) { id } }`, { id: randomUUID() })).toEqual({
      [field]: null,
    });
  });

  test('VMs are filtered by everything that is given', async () => {
    const mine = await aVm(world.db, { vmType: '2022', status: 'ASSIGNED', assignedTo: 'job 7' });
    await aVm(world.db, { vmType: '2022', status: 'ASSIGNED', assignedTo: 'job 8' });
    const spare = await aVm(world.db, { vmType: '2022' });
    const gone = await aVm(world.db, { vmType: '2022', status: 'DESTROYED' });
    const list = async (filter: string) =>
      (await read(world, `{ vms(vmType: "2022", ${filter}) { nodes { instanceId } } }`)).vms.nodes.map(
        (vm: { instanceId: string }) => vm.instanceId,
      );

    expect(await list('assignedTo: "job 7"')).toEqual([mine.id]);
    expect(await list('hotSpare: true, status: READY')).toEqual([spare.id]);
    expect(await list('live: false')).toEqual([gone.id]);
    expect(await list('live: true')).toHaveLength(3);
    expect(await list('status: BOOTING')).toEqual([]);
    expect(await list('status: null, hotSpare: null, assignedTo: null, live: null')).toHaveLength(4);
  });

  test('a vmType is understood as clients write it, and an unknown one is named', async () => {
    await aPool(world.db, { vmType: '8' });
    expect(await read(world, '{ pool(vmType: "Win8") { vmType } }')).toEqual({ pool: { vmType: '8' } });
    expect(await read(world, '{ pool(vmType: "xp") { vmType } }')).toEqual({ pool: null });
    for (const query of [
      '{ pool(vmType: "95") { id } }',
      '{ vms(vmType: "95") { nodes { id } } }',
      '{ goldenImages(vmType: "95") { nodes { id } } }',
    ]) {
      expect((await errorOf(world, query)).extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'vmType' });
    }
  });

  test('a golden image says how far it is and hides what may be a secret in its URL', async () => {
    const image = await anImage(world.db, {
      vmType: '7',
      status: 'INSTALLING',
      phase: 'DOWNLOADING',
      progress: 0.25,
      message: 'Downloading Windows 7...',
      isoUrl: 'https://me:secret@iso.example/win7.iso?sig=secret#secret',
      endpoint: '8077',
      sizeBytes: 64n * 1024n ** 3n,
    });
    const { goldenImage } = await read(
      world,
      `query ($id: ID!) { goldenImage(id: $id) { id imageId vmType version name status current phase progress message reason cpuCores ramMiB diskGiB
        language isoUrl containerImage containerId port rdpPort novncUrl sizeBytes sha256 createdAt changedAt readyAt cleanedAt allowedActions } }`,
      { id: nodeId('GoldenImage', image.id) },
    );
    expect(goldenImage).toMatchObject({
      imageId: image.id,
      status: 'INSTALLING',
      phase: 'DOWNLOADING',
      progress: 0.25,
      isoUrl: 'https://***@iso.example/win7.iso?***',
      port: 8077,
      novncUrl: 'http://vm.example:8077',
      rdpPort: 9077,
      sizeBytes: 68_719_476_736,
      allowedActions: ['MARK_READY', 'DELETE'],
    });
    expect(JSON.stringify(goldenImage)).not.toContain('secret');
    const { goldenImages } = await read(
      world,
      '{ goldenImages(vmType: "7", status: INSTALLING) { nodes { imageId } } }',
    );
    expect(goldenImages.nodes).toEqual([{ imageId: image.id }]);
  });

  test('pools count their VMs by status, and those that wait', async () => {
    const { db } = world;
    const image = await anImage(db, { vmType: '2019' });
    await aPool(db, { vmType: '2019', hotSpares: 3, maxVms: 9, blocked: 'no room', retryAt: new Date(0) });
    for (const status of ['READY', 'READY', 'BOOTING', 'ASSIGNED', 'FAILED', 'DESTROYED'] as const)
      await aVm(db, { vmType: '2019', status });
    await aVm(db, { vmType: '2019', hotSpare: false });
    // One of which nothing was heard for too long.
    await aVm(db, { vmType: '2019', readyAt: new Date(0) });
    await getDeployment(db, 'simulated');
    await db.deployment.updateMany({ data: { aliveSince: new Date(1) } });
    const { id: poolId } = await aPool(db, { vmType: '2019' });
    const queue = [];
    for (let n = 0; n < 3; n++)
      queue.push(
        await db.assignment.create({
          data: { id: randomUUID(), poolId, vmType: '2019', assignedTo: `${n}`, createdAt: new Date(n) },
        }),
      );

    const { pool, pools } = await read(
      world,
      `{ pool(vmType: "2019") { hotSpares maxVms queued blocked retryAt failures currentGoldenImage { imageId }
          counts { requested booting ready readySpares assigned releasing failed live } }
         pools { vmType queued counts { live } currentGoldenImage { imageId } } }`,
    );

    expect(pool).toEqual({
      hotSpares: 3,
      maxVms: 9,
      queued: 3,
      blocked: 'no room',
      retryAt: '1970-01-01T00:00:00.000Z',
      failures: 0,
      currentGoldenImage: { imageId: image.id },
      counts: { requested: 0, booting: 1, ready: 4, readySpares: 2, assigned: 1, releasing: 0, failed: 1, live: 7 },
    });
    expect(pools).toContainEqual({
      vmType: '2019',
      queued: 3,
      counts: { live: 7 },
      currentGoldenImage: { imageId: image.id },
    });
    expect(pools.map((each: { vmType: string }) => each.vmType)).toEqual(
      (await db.pool.findMany({ orderBy: { name: 'asc' } })).map((p) => p.vmType),
    );

    const { assignments } = await read(
      world,
      '{ assignments(vmType: "2019", status: QUEUED) { nodes { assignmentId position vm { id } } } }',
    );
    expect(assignments.nodes).toEqual(queue.map(({ id }, n) => ({ assignmentId: id, position: n + 1, vm: null })));
  });

  test('an assignment and its VM lead to each other', async () => {
    const vm = await aVm(world.db, { status: 'ASSIGNED', assignedTo: 'me' });
    const { id } = await world.db.assignment.create({
      data: {
        id: randomUUID(),
        poolId: vm.poolId,
        vmType: '11',
        assignedTo: 'me',
        status: 'FULFILLED',
        vmId: vm.id,
        fulfilledAt: new Date(),
        leaseSeconds: 60,
        leaseExpiresAt: new Date(60_000),
      },
    });
    const { assignment } = await read(
      world,
      'query ($id: ID!) { assignment(id: $id) { id assignmentId status assignedTo vmType reason leaseSeconds leaseExpiresAt position createdAt fulfilledAt endedAt vm { instanceId assignment { assignmentId } } } }',
      { id },
    );
    expect(assignment).toMatchObject({
      id: nodeId('Assignment', id),
      status: 'FULFILLED',
      leaseExpiresAt: '1970-01-01T00:01:00.000Z',
      position: null,
      vm: { instanceId: vm.id, assignment: { assignmentId: id } },
    });
  });

  test('health names each part and the whole', async () => {
    world.engine.health = async () => ({
      provisioner: { status: 'DOWN', message: 'no answer' },
      storage: { status: 'OK', message: 'fine' },
    });
    const { health } = await read(
      world,
      '{ health { status version database { status } bus { status } provisioner { status message } storage { status } guests { status } } }',
    );
    expect(health).toEqual({
      status: 'DEGRADED',
      version: VERSION,
      database: { status: 'OK' },
      bus: { status: 'OK' },
      provisioner: { status: 'DOWN', message: 'no answer' },
      storage: { status: 'OK' },
      guests: { status: 'OK' },
    });
    delete world.engine.health;
  });

  test('objects beneath a list are read with one query for all', async () => {
    for (let n = 0; n < 90; n++) await aVm(world.db, { vmType: 'vista' });
    const before = await statements(world);
    await read(world, '{ vms(vmType: "vista", first: 100) { nodes { goldenImage { version } } } }');
    // The list, the images, what it takes to ask this, and what a server does by itself meanwhile; not 90.
    expect((await statements(world)) - before).toBeLessThan(30);
  });
});

describe('pages', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world.close());

  test('walking a list meets every VM once, in the order of creation, while VMs are added', async () => {
    const sameMoment = new Date('2026-01-01T00:00:00.123Z');
    for (let n = 0; n < 25; n++)
      await aVm(world.db, { createdAt: n % 3 === 0 ? sameMoment : new Date(sameMoment.getTime() + n) });
    const expected = await world.db.vm.findMany({
      orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
      select: { id: true },
    });

    const met: string[] = [];
    let after: string | null = null;
    let pages = 0;
    for (;;) {
      const { vms }: { vms: Page } = await read(world, PAGE, { after, first: 4 });
      met.push(...vms.edges.map(({ node }) => node.instanceId));
      expect(vms.edges.length).toBeLessThanOrEqual(4);
      expect(vms.pageInfo).toMatchObject({
        hasPreviousPage: pages > 0,
        startCursor: vms.edges[0]?.cursor,
        endCursor: vms.edges.at(-1)?.cursor,
      });
      if (++pages === 2) expected.push({ id: (await aVm(world.db)).id }); // created now, so it is the last
      if (!vms.pageInfo.hasNextPage) break;
      after = vms.pageInfo.endCursor;
    }

    expect(met).toEqual(expected.map(({ id }) => id));
  });

  test('assignments are listed in their turn, in which the queue is served, also where they were asked for at the same moment', async () => {
    const { id: poolId } = await aPool(world.db, { vmType: '2025' });
    const createdAt = new Date('2026-01-01T00:00:00.123Z');
    const made: string[] = [];
    for (let n = 0; n < 9; n++) {
      const data = { id: randomUUID(), poolId, vmType: '2025', assignedTo: `job ${n}`, createdAt };
      made.push((await world.db.assignment.create({ data })).id);
    }
    const page = `query($after: String) { assignments(vmType: "2025", status: QUEUED, first: 4, after: $after) {
      pageInfo { hasNextPage endCursor } nodes { assignmentId position } } }`;

    const met: { assignmentId: string; position: number }[] = [];
    for (let after: string | null = null; ; ) {
      const { assignments }: { assignments: Page & { nodes: typeof met } } = await read(world, page, { after });
      met.push(...assignments.nodes);
      if (!assignments.pageInfo.hasNextPage) break;
      after = assignments.pageInfo.endCursor;
    }
    expect(met).toEqual(made.map((assignmentId, n) => ({ assignmentId, position: n + 1 })));

    const { extensions } = await errorOf(world, '{ assignments(after: "dHVybjp4") { nodes { id } } }');
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'after' });
  });

  test('a page has 50 items unless told otherwise, at most 100, and may be empty', async () => {
    const { id: goldenImageId } = await anImage(world.db, { vmType: '10' });
    const { id: poolId } = await aPool(world.db, { vmType: '10' });
    const row = { poolId, vmType: '10', goldenImageId, hotSpare: false, cpuCores: 1, ramMiB: 2048 };
    await world.db.vm.createMany({ data: Array.from({ length: 110 }, () => ({ ...row, id: randomUUID() })) });
    const count = async (args: string) =>
      (await read(world, `{ vms(vmType: "10" ${args}) { nodes { id } } }`)).vms.nodes.length;

    expect(await count('')).toBe(50);
    expect(await count('first: 1000')).toBe(LIMITS.pageItems.value);
    expect(await count('first: 0')).toBe(0);
    expect((await errorOf(world, '{ vms(first: -1) { nodes { id } } }')).extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'first',
    });
  });

  test.each(['rubbish', '', 'MTIz', Buffer.from('123:not-a-uuid').toString('base64url')])(
    'a bad cursor (%j) is named',
    async (after) => {
      const { errors } = await ask(world, PAGE, { after, first: 4 });
      expect(errors?.[0]?.extensions).toMatchObject({
        code: 'BAD_USER_INPUT',
        field: 'after',
        fix: expect.stringContaining('endCursor'),
      });
    },
  );
});

const PAGE = `query ($after: String, $first: Int) { vms(first: $first, after: $after) {
  edges { cursor node { instanceId } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;

interface Page {
  edges: { cursor: string; node: { instanceId: string } }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
}

/** Transactions of this database so far: each query of ours outside a transaction is one. */
async function statements({ db }: World): Promise<number> {
  await db.$queryRaw`SELECT pg_stat_force_next_flush()::text`;
  const [row] = await db.$queryRaw<
    { n: bigint }[]
  >`SELECT xact_commit AS n FROM pg_stat_database WHERE datname = current_database()`;
  return Number(row?.n);
}
