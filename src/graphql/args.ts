import { checked, vmTypeOf } from '../actions/input.js';
import { accepted } from './errors.js';
import { type NodeType, uuidOfNode } from './nodeId.js';

/** An argument of a query as a filter takes it: undefined when it was not given. @throws GraphQLError  it is not a vmType. */
export function vmTypeArg(given: string): string;
export function vmTypeArg(given: string | null | undefined): string | undefined;
export function vmTypeArg(given: string | null | undefined): string | undefined {
  return given == null ? undefined : accepted(checked(() => vmTypeOf(given)));
}

/** The UUID of an argument that names an object. @throws GraphQLError  it is not an id of a `type`. */
export function idArg(type: NodeType, field: string, given: string): string;
export function idArg(type: NodeType, field: string, given: string | null | undefined): string | undefined;
export function idArg(type: NodeType, field: string, given: string | null | undefined): string | undefined {
  return given == null ? undefined : accepted(uuidOfNode(type, field, given));
}

/** For descriptions of arguments. */
export const ID_DESCRIPTION = 'Its `id`, or its bare UUID as REST shows it.';
export const VM_TYPE_DESCRIPTION = 'Windows version, such as `11` or `2022`; `win11` is understood too.';
