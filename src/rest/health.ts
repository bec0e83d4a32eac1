import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { ok } from '../answers/responses.js';
import type { HealthReport, PartHealth, PartStatus } from '../domain/health.js';

const Part = z.object({ status: z.enum(['ok', 'degraded', 'down']), message: z.string() });
const Health = z
  .object({
    status: z.enum(['ok', 'degraded', 'down']),
    version: z.string(),
    database: Part,
    bus: Part,
    provisioner: Part,
    storage: Part,
    guests: Part,
  })
  .openapi('Health');

const route = (path: '/health' | '/health/') =>
  createRoute({
    method: 'get',
    path,
    tags: ['health'],
    summary: 'How the server and what it needs are',
    // The prototype answered at both; one is enough for the document.
    hide: path === '/health/',
    responses: {
      200: ok('It works; when it is degraded some of it does not.', Health),
      503: ok('Down: nothing can be answered.', Health),
    },
  });

export function addHealthRoutes(app: OpenAPIHono, health: () => Promise<HealthReport>): void {
  for (const path of ['/health', '/health/'] as const) {
    app.openapi(route(path), async (c) => {
      const { status, version, database, bus, provisioner, storage, guests } = await health();
      const body = {
        status: word(status),
        version,
        database: view(database),
        bus: view(bus),
        provisioner: view(provisioner),
        storage: view(storage),
        guests: view(guests),
      };
      return c.json(body, status === 'DOWN' ? 503 : 200);
    });
  }
}

const word = (status: PartStatus) => status.toLowerCase() as Lowercase<PartStatus>;
const view = ({ status, message }: PartHealth) => ({ status: word(status), message });
