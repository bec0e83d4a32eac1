import { aName, vmType } from '../actions/fields.js';
import { parseField } from '../actions/parseInput.js';
import { poolFilter as filterOf } from '../actions/pool/poolFilter.js';
import type { Read } from '../db/reads.js';
import { NotFound } from '../domain/errors.js';
import type { ImageLine } from '../generated/prisma/client.js';
import { accepted, notFound } from './errors.js';
import { type NodeType, uuidOfNode } from './nodeId.js';

const VM_TYPE = vmType();
const NAME = aName();

/** An argument that is the name of a pool or a line. @throws GraphQLError  it is none. */
export const nameArg = (field: string, given: string): string => accepted(parseField(field, NAME, given));

/** An argument of a query as a filter takes it: undefined when it was not given. @throws GraphQLError  it is not a vmType. */
export function vmTypeArg(given: string): string;
export function vmTypeArg(given: string | null | undefined): string | undefined;
export function vmTypeArg(given: string | null | undefined): string | undefined {
  return given == null ? undefined : accepted(parseField('vmType', VM_TYPE, given));
}

/** The line of this name. @throws GraphQLError  it is not a name, or nothing is called so. */
export async function lineArg(read: Read, given: string): Promise<ImageLine> {
  const name = nameArg('line', given);
  const line = await read((db) => db.imageLine.findUnique({ where: { name } }));
  if (line === null) throw notFound(new NotFound('image line', name));
  return line;
}

/** A filter by pool or by vmType. @throws GraphQLError  as `lineArg` does, or the vmType is not the pool's. */
export async function poolFilter(
  read: Read,
  given: { pool?: string | null | undefined; vmType?: string | null | undefined },
): Promise<{ poolId?: string; vmType?: string }> {
  const pool = given.pool == null ? undefined : nameArg('pool', given.pool);
  const found = await filterOf(read, { pool, vmType: vmTypeArg(given.vmType) });
  if (found instanceof NotFound) throw notFound(found);
  return accepted(found);
}

/** The UUID of an argument that names an object. @throws GraphQLError  it is not an id of a `type`. */
export function idArg(type: NodeType, field: string, given: string): string;
export function idArg(type: NodeType, field: string, given: string | null | undefined): string | undefined;
export function idArg(type: NodeType, field: string, given: string | null | undefined): string | undefined {
  return given == null ? undefined : accepted(uuidOfNode(type, field, given));
}

/** For descriptions of arguments. */
export const ID_DESCRIPTION = 'Its `id`, or its bare UUID as REST shows it.';
export const ONLY_POOL_DESCRIPTION = 'Only what is of the pool of this name.';
