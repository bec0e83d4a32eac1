import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { ensureHotSpares } from '../../actions/pool/ensureHotSpares.js';
import { Done, done, ok, refusals } from '../../answers/responses.js';
import { parametersOf, run } from '../verbs.js';

const ensure = createRoute({
  method: 'post',
  path: '/api/vms/hot-spares/ensure',
  tags: ['vms'],
  summary: 'Make the pools look again now, even where they rest after failures',
  request: { query: parametersOf(ensureHotSpares) },
  responses: { 200: ok('Asked.', Done), ...refusals(404, 422) },
});

export function addHotSparesRoute(app: OpenAPIHono): void {
  app.openapi(ensure, async (c) => {
    const { length } = await run(c, ensureHotSpares, c.req.valid('query'));
    return c.json(done(`Hot spare replenishment triggered for ${length} pool${length === 1 ? '' : 's'}`), 200);
  });
}
