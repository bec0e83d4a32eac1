import {
  type GraphQLNamedType,
  type GraphQLSchema,
  type GraphQLType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isWrappingType,
} from 'graphql';

/**
 * How often what lies below a field of introspection is answered, by `Type.field`: for a list, how many items it has in the middle,
 * over all that it may be asked of.
 */
export function introspectionSizes(schema: GraphQLSchema): ReadonlyMap<string, number> {
  const types = Object.values(schema.getTypeMap());
  const directives = schema.getDirectives();
  const fields = types.flatMap(fieldsOf);
  const inputs = types.flatMap((type) => (isInputObjectType(type) ? Object.values(type.getFields()) : []));
  const args = fields.flatMap((field) => field.args);
  const wrappers = [...fields, ...args, ...inputs].map(({ type }) => wrappersOf(type));
  return new Map([
    ['__Schema.types', types.length],
    // One may be asked for that is much larger than most, so it is taken for all of them.
    ['Query.__type', types.length],
    ['__Schema.directives', directives.length],
    ['__Directive.args', middle(directives.map((directive) => directive.args.length))],
    ['__Type.fields', fields.length / types.length],
    ['__Type.inputFields', inputs.length / types.length],
    ['__Type.enumValues', middle(types.map((type) => (isEnumType(type) ? type.getValues().length : 0)))],
    ['__Type.interfaces', middle(types.map((type) => (isObjectType(type) ? type.getInterfaces().length : 0)))],
    [
      '__Type.possibleTypes',
      middle(types.map((type) => (isAbstractType(type) ? schema.getPossibleTypes(type).length : 0))),
    ],
    ['__Type.ofType', middle(wrappers) / (middle(wrappers) + 1)],
    ['__Field.args', args.length / fields.length],
  ]);
}

function fieldsOf(type: GraphQLNamedType) {
  return isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : [];
}

/** Of `[Vm!]!` three. */
function wrappersOf(type: GraphQLType): number {
  return isWrappingType(type) ? 1 + wrappersOf(type.ofType) : 0;
}

function middle(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0) / Math.max(1, counts.length);
}
