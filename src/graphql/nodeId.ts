import { uuid } from '../actions/fields.js';
import { parseField } from '../actions/parseInput.js';
import { InvalidInput } from '../domain/errors.js';
import { badUserInput } from './errors.js';

/** Types that `node(id)` can read. */
export type NodeType = 'Vm' | 'GoldenImage' | 'Assignment' | 'Pool' | 'ImageLine' | 'Command';

const UUID = uuid();

export function encodeNodeId(type: string, id: string): string {
  return Buffer.from(`${type}:${id}`).toString('base64');
}

function parse(given: string): { type: NodeType; id: string } | undefined {
  const [, type, id] =
    /^(Vm|GoldenImage|Assignment|Pool|ImageLine|Command):(\P{Cc}{1,100})$/u.exec(
      Buffer.from(given, 'base64').toString(),
    ) ?? [];
  return type !== undefined && id !== undefined ? { type: type as NodeType, id } : undefined;
}

/** For `node` and `nodes`. @throws GraphQLError  it is not an id of this API. */
export function decodeNodeId(given: string): { typename: string; id: string } {
  const parsed = parse(given);
  if (parsed === undefined)
    throw badUserInput(new InvalidInput('id', given, 'Give the `id` of an object as this API returned it.'));
  const id = parsed.type === 'Pool' || parsed.type === 'ImageLine' ? parsed.id : parseField('id', UUID, parsed.id);
  if (typeof id !== 'string') throw badUserInput(id);
  return { typename: parsed.type, id };
}

/** The UUID behind an argument that takes both the id of a `type` and the bare UUID that REST shows. */
export function uuidOfNode(type: NodeType, field: string, given: string): string | InvalidInput {
  const parsed = parse(given);
  if (parsed !== undefined && parsed.type !== type) {
    return new InvalidInput(field, given, `It is the id of a ${parsed.type}; give the id of a ${type}.`);
  }
  return parseField(field, UUID, parsed?.id ?? given);
}
