import { type GraphQLField, type GraphQLSchema, getNamedType, isObjectType, isUnionType } from 'graphql';
import { refuseText } from '../../actions/input.js';
import { accepted } from '../errors.js';

/**
 * Has every text among the arguments of every field checked before the field is resolved or subscribed to: filters, ids and cursors
 * go to the database as they came, which can't take all that GraphQL can say. Fields that answer a union check their own and answer
 * InvalidInput, as mutations do.
 */
export function checkTexts(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields()))
      if (field.args.length > 0 && !isUnionType(getNamedType(field.type))) guard(field);
  }
  return schema;
}

function guard(field: GraphQLField<unknown, unknown>): void {
  const { resolve, subscribe } = field;
  // Of a subscription the arguments come again with each event.
  if (subscribe) {
    field.subscribe = (root, args, context, info) => {
      check(args);
      return subscribe(root, args, context, info);
    };
  } else if (resolve) {
    field.resolve = (parent, args, context, info) => {
      check(args);
      return resolve(parent, args, context, info);
    };
  }
}

function check(args: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(args))
    for (const text of Array.isArray(value) ? value : [value])
      if (typeof text === 'string') accepted(refuseText(name, text));
}
