import type { FieldFacts } from '../actions/describeInput.js';
import { InvalidInput } from '../domain/errors.js';
import { told } from '../domain/prose.js';
import { ID_DESCRIPTION } from './args.js';
import { uuidOfNode } from './nodeId.js';

/** The types of an input's choices, by field. */
export type Enums = Readonly<Record<string, object>>;

const TYPES = { string: 'String', integer: 'Int', boolean: 'Boolean', array: ['String'], id: 'ID' } as const;

/** What Pothos must know of each field of a verb's input, as a field of an input type and as an argument alike. */
export function optionsOf(facts: ReadonlyMap<string, FieldFacts>, enums: Enums = {}) {
  return [...facts].map(([field, { type, names, enum: choices, ...fact }]) => {
    const found = choices ? enums[field] : TYPES[names === undefined ? type : 'id'];
    if (found === undefined) throw new Error(`no type is known for the choices of ${field}`);
    const options = {
      // Which of them it is, is known when the schema is built; the types of fields are made of the spec.
      type: found as 'String',
      required: fact.isRequired || fact.default !== undefined,
      defaultValue: fact.default as string | undefined,
      description: [fact.description && told(fact.description), names && ID_DESCRIPTION].filter(Boolean).join(' '),
    };
    return [field, options] as const;
  });
}

/** What a caller gave, as verbs take it: things by their bare UUIDs, and what is null left out, unless null means something. */
export function inputOf(
  facts: ReadonlyMap<string, FieldFacts>,
  given: Record<string, unknown>,
): Record<string, unknown> | InvalidInput {
  const input: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(given)) {
    const { names, isNullable } = facts.get(field) as FieldFacts;
    if (value == null && !isNullable) continue;
    const kept = names === undefined || value == null ? value : uuidOfNode(names, field, value as string);
    if (kept instanceof InvalidInput) return kept;
    input[field] = kept;
  }
  return input;
}
