import { afterAll, beforeAll, expect, test } from 'vitest';
import { anOperation, type Operation } from './support/aDocument.js';
import { aRunningServer, type RunningServer } from './support/aRunningServer.js';
import { ANSWER_MS, fuzz } from './support/fuzz.js';

let server: RunningServer;
beforeAll(async () => {
  server = await aRunningServer();
});
afterAll(() => server.close());

const post = (operation: Operation, accept: string, signal: AbortSignal) =>
  fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify(operation),
    signal,
  });

function expectNoFault(status: number, text: string): void {
  const isAway = status === 503 && /UNAVAILABLE/.test(text);
  expect([isAway || status < 500, text]).toEqual([true, expect.not.stringContaining('internal error')]);
  expect(text.length).toBeLessThan(2_000_000);
}

test.each(['query', 'mutation'] as const)(
  'no %s is a fault',
  async (kind) => {
    await fuzz(12, async (draw) => {
      const response = await post(
        anOperation(draw, kind, server.ids),
        'application/json',
        AbortSignal.timeout(ANSWER_MS),
      );
      expectNoFault(response.status, await response.text());
    });
    await server.expectUnharmed();
  },
  600_000,
);

test('no subscription is a fault, by SSE', async () => {
  await fuzz(8, async (draw) => {
    const leave = new AbortController();
    const late = setTimeout(() => leave.abort(new Error('no answer')), ANSWER_MS);
    const response = await post(anOperation(draw, 'subscription', server.ids), 'text/event-stream', leave.signal);
    const first = await Promise.race([
      response.body
        ?.getReader()
        .read()
        .then(({ value }) => Buffer.from(value ?? []).toString()),
      new Promise<string>((resolve) => setTimeout(() => resolve(''), 50)),
    ]);
    clearTimeout(late);
    leave.abort();
    expectNoFault(response.status, first ?? '');
  });
  await server.expectUnharmed();
}, 600_000);
