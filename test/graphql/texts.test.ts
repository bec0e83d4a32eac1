import { getNamedType, isInputObjectType, isNonNullType, isObjectType, isUnionType } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LIMITS } from '../../src/domain/limits.js';
import { schema } from '../../src/graphql/schema.js';
import { aVm } from '../support/rows.js';
import { startWorld, type World } from '../support/world.js';
import { ask, errorOf, read } from './support/ask.js';
import { fetchClient } from './support/clients.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await aVm(world.db);
});
afterAll(() => world.close());

const base64 = (text: string) => Buffer.from(text).toString('base64');
const badTexts: readonly (readonly [name: string, text: string])[] = [
  ['a zero', 'x\u0000'],
  ['half of a character', 'x\uD800'],
  ['a line break within', 'x\ny'],
  ['too much', 'x'.repeat(LIMITS.argumentCharacters.value + 1)],
  ['the id of a pool with a zero', base64('Pool:x\u0000')],
  ['a cursor of the year 33658', base64('999999999999999:00000000-0000-4000-8000-000000000000')],
  ['nothing', ''],
];

/** One for each argument of each root field that takes a text, with the others left out. */
function askedWith(kind: 'Query' | 'Subscription'): [name: string, query: string][] {
  const fields = Object.values(
    (kind === 'Query' ? schema.getQueryType() : schema.getSubscriptionType())?.getFields() ?? {},
  );
  return fields.flatMap((field) =>
    field.args
      .filter(({ type }) => ['String', 'ID', 'Cursor'].includes(getNamedType(type).name))
      .map(({ name, type }): [string, string] => {
        const needed = field.args.filter(
          (arg) => arg.name !== name && isNonNullType(arg.type) && arg.defaultValue === undefined,
        );
        const others = needed.map((arg) => `, ${arg.name}: "x"`).join('');
        const selection =
          isObjectType(getNamedType(field.type)) || isUnionType(getNamedType(field.type)) ? '__typename' : 'id';
        return [
          `${field.name}(${name}:)`,
          `${kind.toLowerCase()} ($t: ${String(type)}) { ${field.name}(${name}: $t${others}) { ${selection} } }`,
        ];
      }),
  );
}

const isList = (query: string) => query.includes('($t: [');

test.each(askedWith('Query'))('%s takes no text that the database can not', async (_name, query) => {
  for (const [what, text] of badTexts) {
    const { errors } = await ask(world, query, { t: isList(query) ? [text] : text });
    expect([what, JSON.stringify(errors ?? [])]).toEqual([what, expect.not.stringContaining('internal error')]);
  }
});

test.each(askedWith('Subscription'))('%s takes no text that the database can not', async (_name, query) => {
  const client = fetchClient(world);
  for (const [what, text] of badTexts) {
    if (text === '') continue;
    const told = await client
      .subscribe(query, { t: isList(query) ? [text] : text })
      .next()
      .then((value) => JSON.stringify(value), String);
    expect([what, told]).toEqual([what, expect.not.stringContaining('internal error')]);
    expect(told).toContain('errors');
  }
  await client.close();
});

test('a filter is refused as a mutation refuses its input', async () => {
  for (const query of [
    '{ assignments(assignedTo: "x\\u0000") { nodes { id } } }',
    '{ vms(assignedTo: "x\\u0000") { nodes { id } } }',
    `{ node(id: "${base64('Pool:x\u0000')}") { id } }`,
    `{ goldenImages(first: 5) { nodes { vms(after: "x\\u0000") { nodes { id } } } } }`,
  ]) {
    const { extensions } = await errorOf(world, query);
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: expect.any(String), fix: expect.any(String) });
  }
  expect(await read(world, '{ vms(assignedTo: "O\'Brien 😀") { nodes { id } } }')).toEqual({ vms: { nodes: [] } });
});

test('no mutation takes one either', async () => {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    const type = getNamedType(field.args[0]?.type as never);
    if (!isInputObjectType(type)) throw new Error(`${field.name} has no input`);
    const texts = Object.values(type.getFields()).filter((input) =>
      ['String', 'ID'].includes(getNamedType(input.type).name),
    );
    for (const { name } of texts) {
      for (const [what, text] of badTexts) {
        const given = Object.values(type.getFields())
          .filter((input) => isNonNullType(input.type) && input.defaultValue === undefined)
          .map((input) => [input.name, getNamedType(input.type).name === 'Int' ? 1 : '11']);
        const input = { ...Object.fromEntries(given), [name]: text };
        const { errors } = await ask(
          world,
          `mutation ($i: ${type.name}!) { ${field.name}(input: $i) { __typename } }`,
          { i: input },
        );
        expect([field.name, name, what, JSON.stringify(errors ?? [])]).toEqual([field.name, name, what, '[]']);
      }
    }
  }
});
