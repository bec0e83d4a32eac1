import type { z } from 'zod';
import type { InvalidInput, Refusal, RefusalCode, RefusalOf } from '../domain/errors.js';
import type { Permission } from '../domain/permissions.js';
import type { ActionContext } from './context.js';
import { describeInput, type FieldFacts } from './describeInput.js';
import { parseInput } from './parseInput.js';

/**
 * Everything that an edge must know of a verb, once: GraphQL's input, payload and refusals, REST's parameters and its document are made
 * of it, and so may be the flags of a CLI or an agent's tool.
 */
export interface Spec<Input extends z.ZodObject = z.ZodObject, Code extends RefusalCode = RefusalCode> {
  /** As every API calls it, in camel case. */
  readonly name: string;
  readonly description: string;
  /** What its caller must be allowed to do. */
  readonly permission: Permission;
  /** Each field with its description, its default and its limits; `about` is what all of them say together. */
  readonly input: Input;
  readonly about: string;
  /** Which refusals to expect, beside INVALID_INPUT, which each may answer. */
  readonly refusals: readonly Code[];
}

/** Answers, or refuses. */
export interface Action<Input extends z.ZodObject, Answer, Code extends RefusalCode, Needs> {
  (context: Needs, given: z.input<Input>): Promise<Answer | RefusalOf<Code> | InvalidInput>;
  readonly spec: Spec<Input, Code>;
  /** What its input is made of, for whoever makes something of it. */
  readonly fields: ReadonlyMap<string, FieldFacts>;
}

/** Which refusals its `run` returns and its spec does not name. */
type Unnamed<Result, Code extends RefusalCode> = Exclude<Extract<Result, Refusal>, RefusalOf<Code> | InvalidInput>;

/**
 * Makes the action of `spec`: what it is given is checked first, so `run` sees what it may rely on. A refusal of `run` that `refusals`
 * does not name does not compile.
 */
export function defineAction<
  Input extends z.ZodObject,
  Result extends object,
  const Code extends RefusalCode = never,
  Needs extends Partial<ActionContext> = ActionContext,
>(
  spec: Spec<Input, Code> & {
    run(context: Needs, input: z.output<Input>): Promise<Result>;
  } & ([Unnamed<Result, Code>] extends [never] ? unknown : { refusals: readonly Unnamed<Result, Code>['code'][] }),
): Action<Input, Exclude<Result, Refusal>, Code, Needs> {
  const { run, ...facts } = spec;
  const fields = describeInput(spec.input);
  const call = async (context: Needs, given: z.input<Input>) => {
    const input = parseInput(spec.input, given, fields);
    return input instanceof Error ? input : run(context, input);
  };
  return Object.assign(call as Action<Input, Exclude<Result, Refusal>, Code, Needs>, {
    spec: facts,
    fields,
  });
}

/** An action of which an edge knows nothing but its spec. */
export type AnyAction = ((context: ActionContext, given: never) => Promise<object | Refusal>) &
  Pick<Action<z.ZodObject, object, RefusalCode, ActionContext>, 'spec' | 'fields'>;
