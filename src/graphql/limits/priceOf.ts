import type { FieldComplexity } from '@pothos/plugin-complexity';
import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
} from 'graphql';
import { PRICES } from '../../domain/prices.js';

export interface Priced {
  schema: GraphQLSchema;
  /** What `introspectionSizes` says of the schema. */
  sizes: ReadonlyMap<string, number>;
  operation: OperationDefinitionNode;
  fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Coerced. */
  variables: Record<string, unknown>;
  context: object;
}

/**
 * The most that a valid operation may cost, by the `complexity` of its fields: see PRICES. Pothos' own rule would coerce the variables
 * once more, without a bound on errors, and takes introspection for free.
 * Beyond `most` it is not added up to its end.
 */
export function priceOf(priced: Priced, most: number): number {
  const { schema, operation, fragments } = priced;
  // A fragment that is spread in many places is looked at once.
  const known = new Map<SelectionSetNode, Map<GraphQLNamedType, number>>();

  const ofSelections = (set: SelectionSetNode, type: GraphQLNamedType, enough = Number.POSITIVE_INFINITY): number => {
    const found = known.get(set)?.get(type);
    if (found !== undefined) return found;
    let sum = 0;
    for (const selection of set.selections) {
      if (sum > enough) break;
      if (selection.kind === Kind.FIELD) sum += ofField(selection, type);
      else {
        const part = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value) : selection;
        const on = part?.typeCondition ? schema.getType(part.typeCondition.name.value) : type;
        if (part && on) sum += ofSelections(part.selectionSet, on);
      }
    }
    known.set(set, (known.get(set) ?? new Map<GraphQLNamedType, number>()).set(type, sum));
    return sum;
  };

  const ofField = (node: FieldNode, type: GraphQLNamedType): number => {
    const field = fieldOf(type, node.name.value);
    if (field === undefined) return PRICES.value.points; // __typename
    const { points, times } = priceOfField(priced, type, field, node);
    const below = node.selectionSet ? ofSelections(node.selectionSet, getNamedType(field.type)) : 0;
    return points + times * below;
  };

  const root = schema.getRootType(operation.operation);
  return root ? ofSelections(operation.selectionSet, root, most) : 0;
}

function fieldOf(type: GraphQLNamedType, name: string): GraphQLField<unknown, unknown> | undefined {
  if (name === SchemaMetaFieldDef.name) return SchemaMetaFieldDef;
  if (name === TypeMetaFieldDef.name) return TypeMetaFieldDef;
  return isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined;
}

function priceOfField(
  { sizes, variables, context }: Priced,
  type: GraphQLNamedType,
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
): { points: number; times: number } {
  if (isIntrospectionType(getNamedType(field.type)) || isIntrospectionType(type)) {
    const times = sizes.get(`${type.name}.${field.name}`) ?? 1;
    return { points: PRICES.introspection.points, times };
  }
  let price = field.extensions.complexity as FieldComplexity<object, object> | undefined;
  if (typeof price === 'function')
    price = price(getArgumentValues(field, node, variables), context, field as GraphQLField<unknown, object, object>);
  if (typeof price === 'number') return { points: price, times: 1 };
  return { points: price?.field ?? PRICES.value.points, times: Math.max(price?.multiplier ?? 1, 0) };
}
