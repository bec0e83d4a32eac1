import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { aName, checkedText, idOf, vmType } from '../actions/fields.js';
import { Unfit } from '../actions/input.js';
import { knownCursor } from '../actions/knownCursor.js';
import { patiently } from '../actions/patiently.js';
import { poolFilter } from '../actions/pool/poolFilter.js';
import { readInput } from '../actions/readInput.js';
import { unwrap } from '../answers/refusals.js';
import { refusals } from '../answers/responses.js';
import { poolNames } from '../db/pools.js';
import type { Read } from '../db/reads.js';
import { EVENT_KINDS, type Event } from '../domain/events.js';
import type { Logger } from '../log.js';
import { EVENT_STREAM_HEADERS, KEEP_ALIVE_MS } from '../primitives/eventStream.js';
import { actionContext } from './actionContext.js';
import { asked, parametersOf } from './verbs.js';

const KINDS = EVENT_KINDS.join(', ');
export const FOLLOWED = readInput('GET /api/vms/events', {
  after: checkedText(cursorOf).exactOptional().describe('Cursor: the id of the last event that was seen.'),
  vmId: idOf('Vm').exactOptional().describe('Just what concerns this VM.'),
  goldenImageId: idOf('GoldenImage').exactOptional().describe('Just what concerns this golden image.'),
  pool: aName().exactOptional().describe('Just what concerns the pool of this name, its VMs and its assignments.'),
  vmType: vmType().exactOptional().describe('Just what concerns this Windows version: its pools, images and VMs.'),
  kinds: checkedText(kindsOf).exactOptional().describe(`Just these kinds, with commas between: ${KINDS}.`),
});

const route = createRoute({
  method: 'get',
  path: '/api/vms/events',
  tags: ['events'],
  summary: 'What happens, as it happens (Server-Sent Events)',
  description:
    'Starts now, or after the event that `after` or `Last-Event-ID` names: nothing is left out and nothing comes twice. `after=0` starts at the beginning.',
  request: {
    query: parametersOf(FOLLOWED),
    headers: z.object({
      'last-event-id': z.string().optional().openapi({ description: 'What an EventSource sends when it reconnects.' }),
    }),
  },
  responses: {
    200: { description: 'Events, one JSON object each.', content: { 'text/event-stream': { schema: z.string() } } },
    ...refusals(404, 422),
  },
});

export function addEventRoutes(app: OpenAPIHono, log: Logger): void {
  app.openapi(route, async (c) => {
    const context = actionContext(c);
    const { address, feed, gone, read } = context;
    const { after, pool, vmType, ...rest } = asked(c, FOLLOWED, { after: c.req.valid('header')['last-event-id'] });
    const filter = { ...rest, ...unwrap(await poolFilter(read, { pool, vmType })) };
    const cursor = after === undefined ? feed.head : unwrap(await knownCursor(context, after));
    const stop = new AbortController();
    gone.addEventListener('abort', () => stop.abort(), { once: true });
    const body = eventStream(
      feed.subscribe(cursor, filter, stop.signal, address),
      namesOf(read, stop.signal),
      stop,
      log,
    );
    return c.body(body, 200, { 'Content-Type': 'text/event-stream', ...EVENT_STREAM_HEADERS });
  });
}

function kindsOf(given: string): string[] | Unfit {
  const kinds = given.split(',').map((kind) => kind.trim().toUpperCase());
  const unknown = kinds.find((kind) => !EVENT_KINDS.some((known) => known === kind));
  return unknown === undefined ? kinds : new Unfit(`Give some of: ${KINDS}.`, unknown);
}

function cursorOf(given: string): bigint | Unfit {
  return /^\d{1,18}$/.test(given) ? BigInt(given) : new Unfit('Give the id of an event, or 0 for all.');
}

/** What the pools of a stream are called, each asked once: a name never changes. Null: it was deleted. */
function namesOf(read: Read, gone: AbortSignal): NameOf {
  const known = new Map<string, string | null>();
  return async (poolId) => {
    if (poolId === null) return null;
    let name = known.get(poolId);
    if (name === undefined) {
      name = (await patiently(() => read((db) => poolNames(db, [poolId])), gone)).get(poolId) ?? null;
      known.set(poolId, name);
    }
    return name;
  };
}

type NameOf = (poolId: string | null) => Promise<string | null>;

/** One event for each time the client takes one, so that a slow client holds nothing here. Ends with `stop`. */
function eventStream(
  events: AsyncGenerator<Event, void, undefined>,
  nameOf: NameOf,
  stop: AbortController,
  log: Logger,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let next: Promise<IteratorResult<Event, void>> | undefined;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      // So that the client sees at once that it is connected.
      controller.enqueue(encoder.encode('retry: 2000\n: connected\n\n'));
    },
    async pull(controller) {
      const send = (text: string) => controller.enqueue(encoder.encode(`${text}\n\n`));
      try {
        next ??= events.next();
        const result = await orSilence(next);
        if (result === 'silence') return send(': still here');
        next = undefined;
        const pool = result.done ? null : await nameOf(result.value.poolId);
        if (stop.signal.aborted) return;
        if (result.done) controller.close();
        else send(`id: ${result.value.seq}\ndata: ${JSON.stringify(eventView(result.value, pool))}`);
      } catch (err) {
        // The client went while we waited for the next event.
        if (stop.signal.aborted) return;
        // The client reconnects with its cursor and misses nothing.
        log.error({ err }, 'an event stream broke off');
        controller.close();
      }
    },
    cancel() {
      stop.abort();
    },
  });
}

async function orSilence<T>(next: Promise<T>): Promise<T | 'silence'> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<'silence'>((resolve) => {
    timer = setTimeout(() => resolve('silence'), KEEP_ALIVE_MS);
  });
  try {
    return await Promise.race([next, silence]);
  } finally {
    clearTimeout(timer);
  }
}

function eventView(event: Event, pool: string | null) {
  return {
    seq: event.seq.toString(),
    at: event.at.toISOString(),
    kind: event.kind,
    actor: event.actor,
    principal_id: event.principalId,
    principal_name: event.principalName,
    vm_type: event.vmType,
    pool,
    instance_id: event.vmId,
    golden_id: event.goldenImageId,
    assignment_id: event.assignmentId,
    reason: event.reason,
    data: event.data,
  };
}
