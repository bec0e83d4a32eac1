import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/domain/limits.js';
import { PRICES } from '../../src/domain/prices.js';
import { startWorld, type World } from '../support/world.js';
import { type Answer, ask, errorOf, read } from './support/ask.js';
import { fetchClient, socketClient } from './support/clients.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const over = (limit: { value: number }) => limit.value + 1;
const times = (count: number, text: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => text(n)).join(' ');

/** Milliseconds of processor that `work` cost this process, which is client and server. */
async function cost(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** Bytes of what came back. */
const sizeOf = ({ data, errors }: Answer) => JSON.stringify({ data, errors }).length;

describe('a document', () => {
  test.each<[value: number, code: string, document: (most: number) => string]>([
    [LIMITS.graphqlCharacters.value, 'QUERY_SIZE', (most) => `{ __typename } # ${'x'.repeat(most)}`],
    [LIMITS.graphqlNameCharacters.value, 'QUERY_SIZE', (most) => `{ ${'x'.repeat(most + 1)}: __typename }`],
    [
      LIMITS.graphqlNesting.value,
      'QUERY_SIZE',
      (most) => `{ nodes(ids: ${'['.repeat(most)}${']'.repeat(most)}) { id } }`,
    ],
    [
      LIMITS.graphqlDefinitions.value,
      'QUERY_SIZE',
      (most) => `{ __typename } ${times(most, (n) => `fragment f${n} on Query { __typename }`)}`,
    ],
    [LIMITS.graphqlFields.value, 'QUERY_BREADTH', (most) => `{ ${times(most + 1, (n) => `a${n}`)} }`],
    [LIMITS.graphqlRepeats.value, 'QUERY_BREADTH', (most) => `{ ${times(most + 1, () => '__typename')} }`],
    [LIMITS.graphqlDepth.value, 'QUERY_DEPTH', (most) => `{ ${'vms { '.repeat(most)} id ${'}'.repeat(most)} }`],
  ])('beyond the limit of %d is refused with %s', async (value, code, document) => {
    const { message, extensions } = await errorOf(world, document(value));
    expect(message).toContain(`more than ${value}`);
    expect(extensions).toMatchObject({ code, fix: expect.any(String) });
  });

  test('is counted with its fragments spread out', async () => {
    const half = LIMITS.graphqlFields.value / 2;
    const fragment = `fragment f on Query { ${times(half, (n) => `a${n}: __typename`)} }`;
    expect((await ask(world, `{ ...f } ${fragment}`)).errors).toBeUndefined();
    const twice = `{ x: node(id: "1") { ...on Vm { goldenImage { ...f } } } y: node(id: "1") { ...on Vm { goldenImage { ...f } } } z: __typename }`;
    const { extensions } = await errorOf(world, `${twice} ${fragment.replace('Query', 'GoldenImage')}`);
    expect(extensions?.code).toBe('QUERY_BREADTH');
    const repeats = times(over(LIMITS.graphqlRepeats), (n) => `fragment f${n} on Query { __typename }`);
    const spread = times(over(LIMITS.graphqlRepeats), (n) => `...f${n}`);
    expect((await errorOf(world, `{ ${spread} } ${repeats}`)).extensions?.code).toBe('QUERY_BREADTH');
  });

  test('just within them is answered', async () => {
    const aliases = times(LIMITS.graphqlFields.value, (n) => `a${n}: __typename`);
    expect((await ask(world, `{ ${aliases.slice(0, aliases.lastIndexOf('a'))} }`)).errors).toBeDefined(); // more tokens than that
    expect(await read(world, `{ ${times(600, (n) => `a${n}: __typename`)} }`)).toHaveProperty('a599');
    expect(await read(world, `{ ${times(LIMITS.graphqlRepeats.value, () => '__typename')} }`)).toBeDefined();
    expect(await read(world, `{ ${'x'.repeat(LIMITS.graphqlNameCharacters.value)}: __typename }`)).toBeDefined();
  });

  test('of fragments that spread each other is refused, at once', async () => {
    const cycle = '{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }';
    expect((await errorOf(world, cycle)).message).toContain('itself');
    const deep =
      '{ vms { nodes { ...v } } } fragment v on Vm { goldenImage { vms { nodes { ...v ...w } } } } fragment w on Vm { ...v }';
    expect((await errorOf(world, deep)).extensions?.code).toBe('QUERY_DEPTH');
    const doubling = `{ ...f0 } ${times(60, (n) => `fragment f${n} on Query { a${n}: __typename ...f${n + 1} ...f${n + 1} }`)} fragment f60 on Query { __typename }`;
    const ms = await cost(async () => expect((await ask(world, doubling)).status).toBe(200));
    expect(ms).toBeLessThan(1_000);
  });

  // What takes longest to validate, of some dozens that were tried, as large as it may be.
  test.each<[name: string, document: string]>([
    ['as many repeats as there may be', `{ ${times(30, (n) => times(20, () => `a${n}: __typename`))} }`],
    ['and in two levels', `{ ${times(20, () => `pools { counts { ${times(15, (n) => `a${n}: booting`)} } }`)} }`],
    ['the same fields', `{ ${times(20, () => `pools { counts { ${times(20, () => 'booting')} } }`)} }`],
    ['one field asked for again and again', `{ ${times(280, () => 'pools{counts{booting}}')} }`],
    [
      'fragments side by side',
      `{ ${times(99, (n) => `...f${n}`)} } ${times(99, (n) => `fragment f${n} on Query { a${n}: __typename b${n}: __typename }`)}`,
    ],
    [
      'fragments in a chain',
      `{ ...f0 } ${times(98, (n) => `fragment f${n} on Query { a${n}: __typename ...f${n + 1} }`)} fragment f98 on Query { __typename }`,
    ],
    ['unknown fields', `{ ${times(990, (n) => `gelo${n}`)} }`],
    ['unknown types', times(100, (n) => `fragment f${n} on AssignmentConnectionxe { id }`)],
    ['directives', `{ __typename ${times(280, () => '@include(if: true)')} }`],
    ['comments', `{ __typename ${'#\n'.repeat(30_000)} }`],
    ['a long number', `{ vms(first: ${'9'.repeat(60_000)}) { nodes { id } } }`],
  ])('holds the process up no longer than others: %s', async (_name, document) => {
    await ask(world, document.replaceAll('f9', 'g9')); // compiled, and not what is remembered
    const costs: number[] = [];
    for (let n = 0; n < 5; n++) costs.push(await cost(() => ask(world, `${document} #${n}`)));
    expect(Math.min(...costs)).toBeLessThan(100); // 5 to 40 ms, client and all
  });

  test('is kept parsed only with so many others', async () => {
    const documents = Array.from({ length: 150 }, (_, n) => `{ ${times(1_900, (field) => `f${n}x${field}`)} }`);
    expect(documents.join('').length).toBeGreaterThan(2 * LIMITS.graphqlKeptCharacters.value);
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (const document of documents) await ask(world, document);
    collectGarbage();
    // Each takes 1 MB when it is parsed.
    expect((process.memoryUsage().heapUsed - before) / 2 ** 20).toBeLessThan(50);
  });
});

describe('variables', () => {
  const ASSIGN = 'mutation ($i: AssignVmInput!) { assignVm(input: $i) { __typename } }';
  const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`key${n}`, 1]));

  test('with thousands of unknown keys are refused at once, in few words', async () => {
    let answer: Answer | undefined;
    const ms = await cost(async () => {
      answer = await ask(world, ASSIGN, { i: keys(4_000) });
    });
    expect(ms).toBeLessThan(1_000);
    expect(sizeOf(answer as Answer)).toBeLessThan(1_000);
    expect(answer).toMatchObject({ errors: [{ extensions: { code: 'QUERY_SIZE' } }] });
    const { extensions } = await errorOf(world, ASSIGN, { i: keys(over(LIMITS.graphqlVariables)) });
    expect(extensions?.code).toBe('QUERY_SIZE');
  });

  test('with as many wrong ones as there may be get a bounded answer', async () => {
    const answer = await ask(world, ASSIGN, { i: keys(LIMITS.graphqlVariables.value - 1) });
    expect(answer.errors).toHaveLength(LIMITS.graphqlErrors.value);
    for (const { message } of answer.errors ?? [])
      expect(message.length).toBeLessThanOrEqual(LIMITS.errorCharacters.value + 1);
    expect(await world.db.assignment.count()).toBe(0);
  });

  test.each<[name: string, query: string, variables: Record<string, unknown>]>([
    ['nested deeply', ASSIGN, { i: JSON.parse('['.repeat(900) + ']'.repeat(900)) }],
    ['a huge list', 'query ($k: [ID!]!) { nodes(ids: $k) { id } }', { k: Array.from({ length: 50_000 }, (_, n) => n) }],
    ['a long text in place of another value', ASSIGN, { i: 'x'.repeat(1_000_000) }],
    ['a long text for a number', 'query ($n: Int) { vms(first: $n) { nodes { id } } }', { n: 'x'.repeat(1_000_000) }],
    [
      'a long text for an enum',
      'query ($s: VmStatus) { vms(status: $s) { nodes { id } } }',
      { s: 'R'.repeat(1_000_000) },
    ],
    ['a long key', ASSIGN, { i: { ['x'.repeat(1_000_000)]: 1 } }],
    ['a long cursor', 'query ($c: Cursor) { events(after: $c) { nodes { at } } }', { c: '1'.repeat(1_000_000) }],
    ['a long id', 'query ($i: ID!) { node(id: $i) { id } vm(id: $i) { id } }', { i: 'x'.repeat(1_000_000) }],
    ['a huge number', 'query ($n: Int) { vms(first: $n) { nodes { id } } }', { n: 1e308 }],
    ['not an object', ASSIGN, { i: [[[[]]]] }],
  ])('%s: a short answer, soon', async (_name, query, variables) => {
    let answer: Answer | undefined;
    const ms = await cost(async () => {
      answer = await ask(world, query, variables);
    });
    expect(answer?.errors).toBeDefined();
    expect(JSON.stringify(answer)).not.toContain('internal error');
    expect(sizeOf(answer as Answer)).toBeLessThan(5_000);
    expect(ms).toBeLessThan(1_000);
  });

  test('nested as deeply as a body has room for are refused too', async () => {
    const query = JSON.stringify(ASSIGN);
    const deep = `${'['.repeat(500_000)}${']'.repeat(500_000)}`;
    const body = `{"query": ${query}, "variables": {"i": ${deep}}, "extensions": {"x": ${deep.slice(400_000, 600_000)}}}`;
    const response = await fetch(world.graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(response.status).toBeLessThan(500);
    expect(await response.text()).toContain('QUERY_SIZE');
  });

  test('come back shortened in refusals, however often they are asked for', async () => {
    const long = 'x'.repeat(100_000);
    const aliases = times(40, (n) => `a${n}: assignVm(input: $i) { ...on InvalidInput { field value message } }`);
    const { data } = await ask(world, `mutation ($i: AssignVmInput!) { ${aliases} }`, { i: { assignedTo: long } });
    expect(data.a0).toMatchObject({ field: 'assignedTo', value: `${'x'.repeat(LIMITS.echoedCharacters.value)}…` });
    expect(JSON.stringify(data).length).toBeLessThan(40 * 1_000);
  });
});

describe('an answer', () => {
  test('holds no more errors than anybody reads', async () => {
    const { errors } = await ask(world, `{ ${times(60, (n) => `a${n}: vm(id: "x") { id }`)} }`);
    expect(errors).toHaveLength(LIMITS.graphqlErrors.value);
    expect(errors?.at(-1)).toMatchObject({ message: '41 more errors are left out' });
    const unknown = await ask(world, `{ ${times(60, (n) => `a${n}`)} }`);
    expect(unknown.errors?.length).toBeLessThanOrEqual(over(LIMITS.graphqlErrors));
  });

  test('holds no more errors by WebSocket and SSE either, nor longer ones', async () => {
    for (const open of [socketClient, fetchClient]) {
      const client = open(world);
      const query = `query ($i: AssignVmInput) { ${times(60, (n) => `a${n}: vm(id: "x") { id }`)} }`;
      const told = await client
        .subscribe(query.replace('($i: AssignVmInput)', ''))
        .next()
        .then((value) => value.errors?.length);
      expect(told).toBe(LIMITS.graphqlErrors.value);
      const long = `{ vms(first: "${'x'.repeat(20_000)}") { nodes { id } } }`;
      const refused = await client
        .subscribe(long)
        .next()
        .then(
          (value) => JSON.stringify(value),
          (err: unknown) => JSON.stringify(err) + String(err),
        );
      expect(refused).toContain('Int cannot represent');
      expect(refused.length).toBeLessThan(5_000);
      await client.close();
    }
  });

  test('names a fault once, and so does the log, though many fields failed', async () => {
    await world.db.$executeRaw`ALTER TABLE "Assignment" RENAME TO "Assignment_away"`;
    const before = world.log.length;
    try {
      const pages = await ask(
        world,
        `{ ${times(10, (n) => `a${n}: assignment(id: "${crypto.randomUUID()}") { id }`)} }`,
      );
      expect(new Set(pages.errors?.map(({ message }) => message)).size).toBe(1);
      expect(world.log.slice(before).filter(({ faultId }) => faultId !== undefined)).toHaveLength(1);
    } finally {
      await world.db.$executeRaw`ALTER TABLE "Assignment_away" RENAME TO "Assignment"`;
    }
  });
});

describe('the price of an operation', () => {
  const refused = async (query: string, variables = {}) => (await errorOf(world, query, variables)).extensions?.code;
  const aliases = (count: number, field: string) => `{ ${times(count, (n) => `a${n}: ${field}`)} }`;

  test('is added up over aliases', async () => {
    const most = Math.floor(LIMITS.graphqlCost.value / PRICES.health.points);
    expect(await refused(aliases(most, 'health { version }'))).toBe('QUERY_COMPLEXITY');
    const pages = LIMITS.graphqlCost.value / PRICES.read.points;
    expect(await refused(aliases(pages, 'pools { vmType }'))).toBe('QUERY_COMPLEXITY');
    expect(await refused(aliases(6, 'screenshot { __typename }'))).toBe('QUERY_COMPLEXITY');
  });

  test('lets few lists into one operation: each is a query to the database', async () => {
    expect(await refused(aliases(140, 'vms(first: 1) { nodes { id } }'))).toBe('QUERY_COMPLEXITY');
    const dashboard = `{
      pools { vmType hotSpares maxVms failures retryAt blocked queued counts { requested booting ready readySpares assigned releasing failed live } currentGoldenImage { id name status } }
      vms(live: true, first: 100) { pageInfo { endCursor hasNextPage } nodes { id instanceId status vmType port rdpPort novncUrl createdAt changedAt readyAt allowedActions assignment { assignedTo assignmentId } } }
      queue: assignments(status: QUEUED) { nodes { assignmentId assignedTo vmType position } }
      goldenImages(first: 5) { nodes { id vmType name status vms(live: true, first: 5) { nodes { id status } } } }
      events(first: 20) { nodes { cursor kind } }
    }`;
    const answered = await ask(world, dashboard);
    expect(answered.errors).toBeUndefined();
  });

  test('lets nobody have the same long text over and over', async () => {
    const id = '00000000-0000-4000-8000-000000000000';
    const many = (field: string) => aliases(15, field);
    for (const query of [
      `{ vm(id: "${id}") { commands(first: 100) { nodes ${many('command')} } } }`,
      `{ getFile(vmId: "${id}", path: "out/x") { ... on FileContent ${many('text')} } }`,
      `{ getFile(vmId: "${id}", path: "out/x") { ... on FileContent ${many('contentBase64')} } }`,
      `{ screenshot(vmId: "${id}") { ... on Screenshot ${many('png')} } }`,
    ])
      expect(await refused(query)).toBe('QUERY_COMPLEXITY');
    const once = `{ getFile(vmId: "${id}", path: "out/x") { ... on FileContent { text contentBase64 } } }`;
    expect((await ask(world, once)).errors?.[0]?.extensions?.code).not.toBe('QUERY_COMPLEXITY');
  });

  test('of pools is asked with one query of their counts, whatever the aliases', async () => {
    const answered = await ask(world, aliases(15, 'pools { a: counts { booting } b: counts { ready } }'));
    expect(answered.errors).toBeUndefined();
  });

  test('counts each id of nodes', async () => {
    const ids = Array.from({ length: 500 }, () => crypto.randomUUID());
    const query =
      'query ($ids: [ID!]!) { nodes(ids: $ids) { id ...on Vm { status port reason createdAt changedAt ramMiB cpuCores vmType hotSpare assignedTo containerId novncUrl rdpPort readyAt assignedAt cleanedAt instanceId allowedActions goldenImage { id } } } }';
    expect(await refused(query, { ids })).toBe('QUERY_COMPLEXITY');
  });

  test('includes introspection: once, whole, but not forty times', async () => {
    const full = getIntrospectionQuery({
      descriptions: true,
      inputValueDeprecation: true,
      oneOf: true,
      schemaDescription: true,
      specifiedByUrl: true,
    });
    expect((await read(world, full)).__schema.types.length).toBeGreaterThan(50);
    expect((await read(world, getIntrospectionQuery())).__schema.types.length).toBeGreaterThan(50);
    expect(await refused(aliases(40, '__schema{types{name fields{name type{name} args{name}}}}'))).toBe(
      'QUERY_COMPLEXITY',
    );
    expect(await refused(aliases(90, '__type(name:"Refusal"){possibleTypes{fields{name}}}'))).toBe('QUERY_COMPLEXITY');
    expect(
      await read(world, '{ __type(name: "Vm") { fields { name description type { name ofType { name } } } } }'),
    ).toBeDefined();
  });
});
