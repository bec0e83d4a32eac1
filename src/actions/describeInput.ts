import { z } from 'zod';
import type { Kind } from '../domain/names.js';
import type { Prose } from '../domain/prose.js';

/** What an edge must know of one field of an action's input. */
export interface FieldFacts {
  type: 'string' | 'integer' | 'boolean' | 'array';
  /** What it names by its id. */
  names?: Kind;
  description?: Prose;
  /** One of these. */
  enum?: string[];
  minimum?: number;
  maximum?: number;
  /** Characters. */
  maxLength?: number;
  maxItems?: number;
  default?: string | number | boolean;
  isRequired: boolean;
  /** Null means something of its own. */
  isNullable: boolean;
}

type Property = Omit<FieldFacts, 'isRequired' | 'isNullable'> & { prose?: Prose; anyOf?: Property[] };

/** The fields of an input, by name: its JSON Schema, with what is nullable told apart. */
export function describeInput(input: z.ZodObject): ReadonlyMap<string, FieldFacts> {
  const { properties = {}, required = [] } = z.toJSONSchema(input, { io: 'input' });
  return new Map(
    Object.entries(properties as Record<string, Property>).map(([name, { anyOf, ...property }]) => {
      const [only] = anyOf ?? [];
      const { prose, ...facts } = { ...only, ...property };
      const isNullable = only !== undefined;
      return [
        name,
        { ...facts, ...(prose && { description: prose }), isRequired: required.includes(name), isNullable },
      ];
    }),
  );
}
