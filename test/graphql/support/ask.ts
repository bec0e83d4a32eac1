import { expect } from 'vitest';

export interface Answer {
  status: number;
  headers: Headers;
  data: ReturnType<typeof JSON.parse>;
  errors?: { message: string; path?: (string | number)[]; extensions?: Record<string, unknown> }[];
}

/** Sends one operation as any client does. */
export async function ask(
  { graphqlUrl }: { graphqlUrl: string },
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Answer> {
  const response = await fetch(graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as Answer;
  return { status: response.status, headers: response.headers, data, ...(errors && { errors }) };
}

/** The data of an operation that has no errors. */
export async function read(
  world: { graphqlUrl: string },
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Answer['data']> {
  const { data, errors } = await ask(world, query, variables);
  expect(errors).toBeUndefined();
  return data;
}

/** The one error of an operation. */
export async function errorOf(world: { graphqlUrl: string }, query: string, variables: Record<string, unknown> = {}) {
  const { errors } = await ask(world, query, variables);
  expect(errors).toHaveLength(1);
  return errors?.[0] as NonNullable<Answer['errors']>[number];
}

/** What every result of a mutation is asked for beside its payload. */
export const REFUSAL = '__typename ... on Refusal { code message fix } ... on InvalidInput { field value }';
