import { z } from 'zod';
import { describeInput, type FieldFacts } from './describeInput.js';

/** What a read is asked with: made of the same fields as the inputs of actions, and checked as they are. */
export interface ReadInput<Input extends z.ZodObject = z.ZodObject> {
  /** Which read it is, for people. */
  readonly name: string;
  readonly input: Input;
  readonly fields: ReadonlyMap<string, FieldFacts>;
}

export function readInput<Shape extends z.ZodRawShape>(name: string, shape: Shape) {
  const input = z.strictObject(shape);
  return { name, input, fields: describeInput(input) } satisfies ReadInput;
}
