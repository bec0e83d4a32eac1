/** Fields that are made of the specs of verbs: input, what they answer, and the union of that with the refusals to expect. */
import type { ArgumentRef, InputFieldRef, ObjectFieldsShape, ObjectRef } from '@pothos/core';
import type { AnyAction, Spec } from '../actions/action.js';
import { Refusal } from '../domain/errors.js';
import { PRICES } from '../domain/prices.js';
import { builder } from './builder.js';
import type { Context } from './context.js';
import { type Enums, inputOf, optionsOf } from './inputOf.js';
import { Refused, refusalTypes, resultType } from './types/refusals.js';

type Types = typeof builder.$inferSchemaTypes;
/** What a verb answers when it does not refuse. */
type AnswerOf<A extends AnyAction> = Exclude<Awaited<ReturnType<A>>, Refusal>;
/** As Pothos has it of a field whose type it does not know before the schema is built. */
type Resolve = (root: object, args: object, context: Context) => never;

type Complexity = number | ((args: { first?: number | null }) => { field: number; multiplier: number });

const titleOf = ({ name }: Spec) => `${name.charAt(0).toUpperCase()}${name.slice(1)}`;

export interface MutationEdge<A extends AnyAction> {
  /** What the payload says as a whole. */
  payload: string;
  fields: ObjectFieldsShape<Types, AnswerOf<A>>;
  enums?: Enums;
  /** The argument may be left out. */
  mayBeBare?: boolean;
}

/** A mutation: the verb's input is its one argument, and `fields` are those of its payload. */
export function mutation<A extends AnyAction>(action: A, { payload, fields, enums, mayBeBare }: MutationEdge<A>): void {
  const { spec } = action;
  const title = titleOf(spec);
  const Payload = builder.objectRef<AnswerOf<A>>(`${title}Payload`).implement({ description: payload, fields });
  const options = optionsOf(action.fields, enums);
  const Input = builder.inputType(`${title}Input`, {
    description: spec.about,
    fields: (t) =>
      Object.fromEntries(options.map(([field, option]) => [field, t.field(option)])) as Record<
        string,
        InputFieldRef<Types, unknown>
      >,
  });
  builder.mutationField(spec.name, (t) =>
    t.field({
      type: resultOf(spec, Payload),
      description: spec.description,
      complexity: PRICES.change.points,
      args: {
        input: t.arg({
          type: Input,
          required: true,
          description: spec.about,
          ...(mayBeBare && { defaultValue: {} }),
        }),
      },
      resolve: ((_root, { input }: { input: Record<string, unknown> }, context) =>
        run(action, input, context)) as Resolve,
    }),
  );
}

/** A query that may refuse: the fields of the verb's input are its arguments, and it answers `type`. */
export function query<A extends AnyAction>(
  action: A,
  { type, complexity }: { type: ObjectRef<Types, AnswerOf<A>>; complexity: Complexity },
): void {
  const { spec } = action;
  builder.queryField(spec.name, (t) =>
    t.field({
      type: resultOf(spec, type),
      description: spec.description,
      complexity,
      args: Object.fromEntries(optionsOf(action.fields).map(([field, option]) => [field, t.arg(option)])) as Record<
        string,
        ArgumentRef<Types, unknown>
      >,
      resolve: ((_root, args, context) => run(action, args as Record<string, unknown>, context)) as Resolve,
    }),
  );
}

function resultOf<Answer extends object>(spec: Spec, type: ObjectRef<Types, Answer>) {
  return builder.unionType(`${titleOf(spec)}Result`, {
    description: `What ${spec.name} answers.`,
    types: [type, ...refusalTypes(['INVALID_INPUT', ...spec.refusals])],
    resolveType: resultType(type.name),
  });
}

async function run(action: AnyAction, given: Record<string, unknown>, context: Context): Promise<unknown> {
  const input = inputOf(action.fields, given);
  const answer = input instanceof Refusal ? input : await action(context, input as never);
  return answer instanceof Refusal ? new Refused(answer) : answer;
}
