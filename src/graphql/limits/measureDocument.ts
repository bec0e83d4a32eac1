import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLError,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import { LIMITS } from '../../domain/limits.js';
import { excess } from './excess.js';

const FIX = 'Ask for less in one operation.';

/**
 * What is too large in a document, found before it is validated: validation compares each field with each other one that has the
 * same name in the answer, and each fragment with each other one. Nothing is known of the document but that it could be parsed.
 */
export function measureDocument({ definitions }: DocumentNode): GraphQLError | undefined {
  if (definitions.length > LIMITS.graphqlDefinitions.value)
    return excess('QUERY_SIZE', LIMITS.graphqlDefinitions, 'Send the one operation that is meant, with its fragments.');
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);

  const spread = new Set<string>();
  let fields = 0;

  /** The fields of one place of the answer, whichever selection sets ask for them. */
  const measure = (sets: readonly SelectionSetNode[], depth: number): GraphQLError | undefined => {
    const times = new Map<string, number>();
    const below = new Map<string, SelectionSetNode[]>();
    const here = new Set<string>();
    const rest = [...sets];
    for (let set = rest.pop(); set !== undefined; set = rest.pop()) {
      for (const selection of set.selections) {
        if (selection.kind === Kind.INLINE_FRAGMENT) rest.push(selection.selectionSet);
        else if (selection.kind === Kind.FRAGMENT_SPREAD) {
          const name = selection.name.value;
          const fragment = fragments.get(name);
          if (fragment === undefined || here.has(name)) continue;
          here.add(name);
          spread.add(name);
          rest.push(fragment.selectionSet);
        } else {
          const name = (selection.alias ?? selection.name).value;
          const count = (times.get(name) ?? 0) + 1;
          if (++fields > LIMITS.graphqlFields.value) return excess('QUERY_BREADTH', LIMITS.graphqlFields, FIX);
          if (count > LIMITS.graphqlRepeats.value)
            return excess('QUERY_BREADTH', LIMITS.graphqlRepeats, `Ask for ${name} once.`);
          times.set(name, count);
          if (selection.selectionSet) below.set(name, [...(below.get(name) ?? []), selection.selectionSet]);
        }
      }
    }
    if (below.size > 0 && depth === LIMITS.graphqlDepth.value)
      return excess('QUERY_DEPTH', LIMITS.graphqlDepth, 'Ask for what lies deeper in another operation, by its id.');
    for (const deeper of below.values()) {
      const found = measure(deeper, depth + 1);
      if (found) return found;
    }
    return undefined;
  };

  for (const definition of definitions) {
    const found = definition.kind === Kind.OPERATION_DEFINITION ? measure([definition.selectionSet], 1) : undefined;
    if (found) return found;
  }
  // Those that no operation uses are compared too, before that is told.
  for (const [name, { selectionSet }] of fragments) {
    const found = spread.has(name) ? undefined : measure([selectionSet], 1);
    if (found) return found;
  }
  return undefined;
}
