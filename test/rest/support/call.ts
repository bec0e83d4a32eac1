import { expect } from 'vitest';

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the shape that it asserts
  body: any; // oxlint-disable-line typescript/no-explicit-any
}

/** Calls a route and reads its JSON. */
export async function call(url: string, method: string, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${url}${path}`, { method, ...init });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

/** Every answer that is not a success has this shape. */
export function expectProblem(answer: Answer, status: number, code: string, facts: object = {}): void {
  expect(answer.body).toMatchObject({ code, ...facts });
  expect(answer.status).toBe(status);
  const { detail, message, fix } = answer.body;
  expect([typeof detail, typeof message, typeof fix]).toEqual(['string', 'string', 'string']);
  expect(detail).toContain(message);
  expect(detail).toContain(fix);
  if (status === 503) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
}
