import {
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLOutputType,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
} from 'graphql';
import { schema } from '../../../src/graphql/schema.js';
import type { Draw } from './fuzz.js';

/** What gets past the first check, most of the time: faults lie behind it. */
const RIGHT: Readonly<Record<string, unknown>> = {
  vmType: '11',
  assignedTo: 'somebody',
  first: 3,
  command: 'echo hello',
  path: 'in/a.txt',
  name: 'a name',
};

export interface Operation {
  query: string;
  variables: Record<string, unknown>;
}

/** An operation on some root fields of the schema: valid in its form, with values that are right, at a border, or anything. */
export function anOperation(
  draw: Draw,
  kind: 'query' | 'mutation' | 'subscription',
  ids: readonly string[],
): Operation {
  const root = {
    query: schema.getQueryType(),
    mutation: schema.getMutationType(),
    subscription: schema.getSubscriptionType(),
  }[kind];
  if (!root) throw new Error(`no ${kind}`);
  const variables: Record<string, unknown> = {};
  const declared: string[] = [];
  let aliases = 0; // no two are the same, as fields of one name must be the same field

  const field = (type: GraphQLOutputType, depth: number): string => {
    const named = getNamedType(type);
    if (isLeafType(named)) return '';
    const parts = ['__typename'];
    if (isUnionType(named)) {
      for (const member of named.getTypes())
        if (draw.flip()) parts.push(`... on ${member.name} ${selection(member, depth)}`);
      return `{ ${parts.join(' ')} }`;
    }
    return selection(named, depth);
  };

  const selection = (type: unknown, depth: number): string => {
    const parts = ['__typename'];
    if (isObjectType(type) || isInterfaceType(type)) {
      const all = Object.values(type.getFields());
      for (const one of draw.some(all, 6)) {
        if (depth === 0 && !isLeafType(getNamedType(one.type))) continue;
        parts.push(`a${aliases++}: ${one.name}${args(one.args)} ${field(one.type, depth - 1)}`);
      }
    }
    return `{ ${parts.join(' ')} }`;
  };

  const args = (all: readonly GraphQLArgument[]): string => {
    const given: string[] = [];
    for (const arg of all) {
      const needed = isNonNullType(arg.type) && arg.defaultValue === undefined;
      if (!needed && draw.flip()) continue;
      const name = `v${declared.length}`;
      declared.push(`$${name}: ${String(arg.type)}`);
      variables[name] = value(draw, arg, ids);
      given.push(`${arg.name}: $${name}`);
    }
    return given.length > 0 ? `(${given.join(', ')})` : '';
  };

  const most = kind === 'subscription' ? 1 : 3;
  const fields = draw
    .some(Object.values(root.getFields()), most)
    .map((one, n) => `f${n}: ${one.name}${args(one.args)} ${field(one.type, 3)}`);
  const head = declared.length > 0 ? `(${declared.join(', ')})` : '';
  return { query: `${kind} ${head} { ${fields.join(' ')} }`, variables };
}

function value(draw: Draw, { name, type }: GraphQLArgument | GraphQLInputField, ids: readonly string[]): unknown {
  if (draw.below(30) === 0) return draw.anything();
  // How long to wait is left at what can be waited for.
  if (name === 'waitSeconds') return draw.pick([0, -1, 3_601, 2 ** 31 - 1]);
  return draw.below(4) > 0 && name in RIGHT ? RIGHT[name] : ofType(draw, type, ids);
}

function ofType(draw: Draw, type: GraphQLInputType, ids: readonly string[]): unknown {
  if (!isNonNullType(type) && draw.below(6) === 0) return null;
  const given = getNullableType(type);
  if (isListType(given)) return draw.many(4, () => ofType(draw, given.ofType, ids));
  if (isEnumType(given)) return draw.pick([...given.getValues().map(({ name }) => name), 'NO_SUCH']);
  if (isInputObjectType(given)) {
    const fields = Object.values(given.getFields()).filter(
      (one) => (isNonNullType(one.type) && one.defaultValue === undefined) || draw.flip(),
    );
    return Object.fromEntries(fields.map((one) => [one.name, value(draw, one, ids)]));
  }
  switch (given.name) {
    case 'Int':
    case 'Float':
      return draw.number();
    case 'Boolean':
      return draw.flip();
    case 'Cursor':
      return draw.pick(['0', '1', '999999', String(2n ** 63n - 1n), 'x']);
    default:
      return draw.flip() ? draw.pick(ids) : draw.text();
  }
}
