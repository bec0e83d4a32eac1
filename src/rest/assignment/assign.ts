import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { assignVm } from '../../actions/assignment/assignVm.js';
import { ok, refusals } from '../../answers/responses.js';
import type { EndpointsOf } from '../../domain/endpoints.js';
import { shown } from '../../domain/limit.js';
import { LIMITS } from '../../domain/limits.js';
import { addressesOf } from '../addressesOf.js';
import { numberParameter } from '../parameters.js';
import { parametersOf, run } from '../verbs.js';

const Assigned = z
  .object({
    instance_id: z.string(),
    container_id: z.string().nullable(),
    port: z.int().nullable().openapi({ description: 'Web port (noVNC); null only where the engine publishes none.' }),
    novnc_url: z.string().nullable(),
    rdp_port: z.int().nullable(),
  })
  .openapi('AssignedInstance');

const assign = createRoute({
  method: 'post',
  path: '/api/vms/assign',
  tags: ['vms'],
  summary: 'Assign a VM to a task',
  description:
    'Hands out a hot spare at once, or waits for a VM, first come, first served. When none is there in time the request leaves the queue.',
  request: {
    query: parametersOf(assignVm, ['cancelIfLate', 'waitSeconds']).extend({
      wait_seconds: numberParameter(
        `How long to wait for a VM, 0 to ${shown(LIMITS.waitSeconds)}; else what the server is configured with.`,
      ).optional(),
    }),
  },
  responses: { 200: ok('The VM is yours until it is released.', Assigned), ...refusals(404, 409, 422, 503) },
});

export interface AssignRouteOptions {
  endpointsOf: EndpointsOf;
  assignWaitSeconds: number;
}

export function addAssignRoute(app: OpenAPIHono, { endpointsOf, assignWaitSeconds }: AssignRouteOptions): void {
  app.openapi(assign, async (c) => {
    const query = c.req.valid('query');
    const waitSeconds = query.wait_seconds ?? assignWaitSeconds;
    const { vm } = await run(c, assignVm, query, { cancelIfLate: true, waitSeconds });
    if (vm === undefined) throw new Error('nobody waits here for a VM that comes later');
    return c.json({ instance_id: vm.id, container_id: vm.engineId, ...addressesOf(vm, endpointsOf) }, 200);
  });
}
