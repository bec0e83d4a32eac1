import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineAction } from '../../src/actions/action.js';
import { describeInput } from '../../src/actions/describeInput.js';
import { idOf, line, wholeNumber } from '../../src/actions/fields.js';
import { Conflict, InvalidInput } from '../../src/domain/errors.js';
import { PERMISSIONS } from '../../src/domain/permissions.js';
import { told } from '../../src/domain/prose.js';
import { schema } from '../../src/graphql/schema.js';
import { verbs } from '../../tools/specs.js';
import { aFieldName } from '../support/aFieldName.js';

test('every mutation is made of the spec of a verb', async () => {
  const names = (await verbs()).map(({ spec }) => spec.name);
  const mutations = Object.keys(schema.getMutationType()?.getFields() ?? {});

  expect(mutations.length).toBeGreaterThan(15);
  expect(mutations.filter((name) => !names.includes(name))).toEqual([]);
});

test('each verb says what one must be allowed to do, and what each of its fields is for', async () => {
  for (const { spec, fields } of await verbs()) {
    expect(PERMISSIONS, spec.name).toContain(spec.permission);
    expect(spec.description, spec.name).toMatch(/\.$/);
    for (const [field, { description, names }] of fields)
      expect(description ?? names, `${spec.name}.${field}`).toBeTruthy();
  }
});

const example = defineAction({
  name: 'example',
  description: 'An example.',
  permission: 'vm:create',
  input: z.strictObject({
    id: idOf('Vm'),
    name: line(5).prefault('me').describe('Who.'),
    count: wholeNumber(1, 3, 'there are three').nullish().describe('How many.'),
    kind: z.enum(['A', 'B']).default('A').describe('Which.'),
  }),
  about: 'What.',
  refusals: ['CONFLICT'],
  run: async (_context: object, input) => (input.count === 3 ? new Conflict('three', 'Give two.') : { input }),
});
const ID = '00000000-0000-4000-8000-00000000000A';

test('what is given is checked, and kept as the fields say', async () => {
  expect(await example({}, { id: ID, name: ' x ' })).toEqual({ input: { id: ID.toLowerCase(), name: 'x', kind: 'A' } });
  expect(await example({}, { id: ID, count: 3 })).toBeInstanceOf(Conflict);
});

test.each([
  [{ id: 'x' }, 'id', 'x', 'Give an id as this API returned it.'],
  [{}, 'id', '', 'It is required.'],
  [{ id: ID, name: 'too long' }, 'name', 'too long', 'Give at most 5 characters, not 8.'],
  [{ id: ID, count: 4 }, 'count', '4', 'Give a whole number from 1 to 3: there are three.'],
  [{ id: ID, count: 1.5 }, 'count', '1.5', 'Give a whole number from 1 to 3: there are three.'],
  [{ id: ID, kind: 'C' }, 'kind', 'C', 'Give one of: A, B.'],
  [{ id: ID, nam: 'x' }, 'nam', 'x', 'Leave it out: there is no such field.'],
])('%j is refused by the name of the field, with the value and the fix', async (given, field, value, fix) => {
  const refusal = await example({}, given as never);

  expect(refusal).toBeInstanceOf(InvalidInput);
  expect(refusal).toMatchObject({ field, value, fix });
});

test('what an edge must know of a field is read off its schema', () => {
  expect(Object.fromEntries(describeInput(example.spec.input))).toMatchObject({
    id: { type: 'string', names: 'Vm', isRequired: true, isNullable: false },
    name: { type: 'string', default: 'me', isRequired: false },
    count: { type: 'integer', minimum: 1, maximum: 3, description: 'How many.', isNullable: true },
    kind: { enum: ['A', 'B'], default: 'A' },
  });
});

test('a text names a field by a part of its own, which each API calls as it calls the field', async () => {
  const names = (await verbs()).flatMap(({ fields }) => [...fields.keys()]);
  const inProse: string[] = [];
  for (const { spec, fields } of await verbs()) {
    for (const [field, { description = '' }] of fields) {
      const parts = typeof description === 'string' ? [] : description.filter((part) => typeof part !== 'string');
      inProse.push(...parts.map((part) => part.field));
      expect(z.toJSONSchema(spec.input, { io: 'input' }).properties?.[field], `${spec.name}.${field}`).toMatchObject(
        description === '' ? {} : { description: told(description) },
      );
    }
  }

  expect(inProse).toContain('goldenImageId');
  expect(inProse.filter((name) => !names.includes(name))).toEqual([]);
});

test('no text that both APIs hand on has the name of a field in it, which one of them calls otherwise', async () => {
  const named = await aFieldName();
  const edges = /^(?:graphql|generated)\/|^(?:settings|config)\.ts$/;
  const source = fileURLToPath(new URL('../../src/', import.meta.url));
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !edges.test(file),
  );

  expect(files.length).toBeGreaterThan(200);
  expect(
    files.flatMap((file) =>
      textsOf(readFileSync(`${source}${file}`, 'utf8')).flatMap((text) => (named.test(text) ? `${file}: ${text}` : [])),
    ),
  ).toEqual([]);
});

/** What of a source may be for people: texts of several words, without what is put into them. */
function textsOf(source: string): string[] {
  const code = source.replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, '');
  return [...code.matchAll(/'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g)]
    .map(([text]) => text.slice(1, -1).replaceAll(/\$\{[^}]*(?:\}|$)/g, ''))
    .filter((text) => /\s/.test(text.trim()));
}

test('a refusal that its spec does not name does not compile', () => {
  const spec = { name: 'x', description: 'x.', permission: 'vm:create', input: z.strictObject({}), about: '' } as const;
  // @ts-expect-error CONFLICT is not among its refusals
  defineAction({ ...spec, refusals: ['NOT_FOUND'], run: async (_context: object) => new Conflict('x', 'y') });
});
