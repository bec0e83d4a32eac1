import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
  isUnionType,
} from 'graphql';
import { expect, test } from 'vitest';
import { printedSchema, schema } from '../../src/graphql/schema.js';

test('schema.graphql is what the code says', () => {
  const path = fileURLToPath(new URL('../../schema.graphql', import.meta.url));
  expect(readFileSync(path, 'utf8')).toBe(printedSchema());
});

test('everything in the schema is described', () => {
  const types = Object.values(schema.getTypeMap()).filter(
    (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
  );
  expect(types.flatMap(undescribed)).toEqual([]);
});

test('every mutation answers a union of its payload and refusals', () => {
  for (const { name, type } of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    const title = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    expect(String(type)).toBe(`${title}Result!`);
    const union = schema.getType(`${title}Result`);
    if (!isUnionType(union)) throw new Error(`${title}Result is not a union`);
    const [payload, ...others] = union
      .getTypes()
      .filter((member) => !member.getInterfaces().some(({ name: each }) => each === 'Refusal'));
    expect([payload?.name, others]).toEqual([`${title}Payload`, []]);
  }
});

function undescribed(type: GraphQLNamedType): string[] {
  const missing = type.description ? [] : [type.name];
  const members = isEnumType(type)
    ? type.getValues()
    : isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)
      ? Object.values(type.getFields())
      : [];
  for (const member of members) {
    if (!member.description) missing.push(`${type.name}.${member.name}`);
    for (const arg of 'args' in member ? member.args : [])
      if (!arg.description) missing.push(`${type.name}.${member.name}(${arg.name})`);
  }
  return missing;
}
