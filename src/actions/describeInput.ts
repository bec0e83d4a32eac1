import { z } from 'zod';
import type { Kind } from '../domain/names.js';

/** What an edge must know of one field of an action's input. */
export interface FieldFacts {
  type: 'string' | 'integer' | 'boolean' | 'array';
  /** What it names by its id. */
  names?: Kind;
  description?: string;
  /** One of these. */
  enum?: string[];
  minimum?: number;
  maximum?: number;
  default?: string | number | boolean;
  isRequired: boolean;
  /** Null means something of its own. */
  isNullable: boolean;
}

type Property = Omit<FieldFacts, 'isRequired' | 'isNullable'> & { anyOf?: Property[] };

/** The fields of an input, by name: its JSON Schema, with what is nullable told apart. */
export function describeInput(input: z.ZodObject): ReadonlyMap<string, FieldFacts> {
  const { properties = {}, required = [] } = z.toJSONSchema(input, { io: 'input' });
  return new Map(
    Object.entries(properties as Record<string, Property>).map(([name, { anyOf, ...property }]) => {
      const [only] = anyOf ?? [];
      return [name, { ...only, ...property, isRequired: required.includes(name), isNullable: only !== undefined }];
    }),
  );
}
