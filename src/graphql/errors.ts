import { GraphQLError } from 'graphql';
import type { InvalidInput, NotFound } from '../domain/errors.js';

/** What a query or subscription was asked wrongly; mutations return the refusal instead. */
export function badUserInput({ message, field, fix }: InvalidInput): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', field, fix } });
}

export function notFound({ message, fix }: NotFound): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'NOT_FOUND', fix } });
}

/** The value of an argument that was checked. @throws GraphQLError  it was refused. */
export function accepted<T>(value: T | InvalidInput): Exclude<T, InvalidInput> {
  if (value instanceof Error) throw badUserInput(value as InvalidInput);
  return value as Exclude<T, InvalidInput>;
}
