import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { idOf } from '../../actions/fields.js';
import { readInput } from '../../actions/readInput.js';
import { createVm } from '../../actions/vm/createVm.js';
import { destroyVm, releaseVm } from '../../actions/vm/releaseVm.js';
import { Done, done, ok, refusals } from '../../answers/responses.js';
import { getGuest } from '../../db/guests.js';
import { poolNames } from '../../db/pools.js';
import { getVm } from '../../db/vms.js';
import type { EndpointsOf } from '../../domain/endpoints.js';
import { NotFound } from '../../domain/errors.js';
import { actionContext } from '../actionContext.js';
import { addressesOf } from '../addressesOf.js';
import { InstanceId } from '../parameters.js';
import { asked, parametersOf, run } from '../verbs.js';
import { guestView, Instance, InstanceDetails, instanceView } from './instanceView.js';

const tags = ['vms'];

const SHOWN = readInput('GET /api/vms/instances/{instance_id}', { id: idOf('Vm') });

const list = createRoute({
  method: 'get',
  path: '/api/vms/instances',
  tags,
  summary: 'Every VM that there is',
  responses: {
    200: ok('VMs, oldest first. Those that are destroyed or cleaned up are not listed.', z.array(Instance)),
  },
});

const show = createRoute({
  method: 'get',
  path: '/api/vms/instances/{instance_id}',
  tags,
  summary: 'One VM; a failed one too, with the reason',
  request: { params: InstanceId },
  responses: { 200: ok('The VM.', InstanceDetails), ...refusals(404, 422) },
});

const create = createRoute({
  method: 'post',
  path: '/api/vms/instances',
  tags,
  summary: 'Create a VM outside the pool of hot spares',
  request: { query: parametersOf(createVm) },
  responses: {
    200: ok(
      'The VM is on its way.',
      z.object({ instance_id: z.string(), status: z.literal('creating') }).openapi('Creating'),
    ),
    ...refusals(404, 409, 422, 503),
  },
});

const release = createRoute({
  method: 'post',
  path: '/api/vms/instances/{instance_id}/release',
  tags,
  summary: 'Give a VM back: it is destroyed with all that was written to it',
  request: { params: InstanceId },
  responses: { 200: ok('It is on its way out, or was before.', Done), ...refusals(404, 422) },
});

const destroy = createRoute({
  method: 'delete',
  path: '/api/vms/instances/{instance_id}',
  tags,
  summary: 'Destroy a VM, whatever it does',
  request: { params: InstanceId },
  responses: { 200: ok('It is on its way out, or was before.', Done), ...refusals(404, 422) },
});

export function addInstanceRoutes(app: OpenAPIHono, { endpointsOf }: { endpointsOf: EndpointsOf }): void {
  app.openapi(list, async (c) => {
    const { read } = actionContext(c);
    const vms = await read((db) =>
      db.vm.findMany({ where: { cleanedAt: null }, orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] }),
    );
    const ids = vms.map(({ poolId }) => poolId);
    const pools = await read((db) => poolNames(db, ids));
    return c.json(
      vms.flatMap((vm) => instanceView(vm, pools, endpointsOf) ?? []),
      200,
    );
  });

  app.openapi(show, async (c) => {
    const { read } = actionContext(c);
    const { id } = asked(c, SHOWN);
    const vm = await read((db) => getVm(db, id));
    const view = vm && instanceView(vm, await read((db) => poolNames(db, [vm.poolId])), endpointsOf);
    if (!vm || !view) throw new NotFound('VM', id);
    return c.json(
      {
        ...view,
        ...addressesOf(vm, endpointsOf),
        golden_id: vm.goldenImageId,
        reason: vm.reason,
        cpu_cores: vm.cpuCores,
        ram_mib: vm.ramMiB,
        ready_at: vm.readyAt?.toISOString() ?? null,
        assigned_at: vm.assignedAt?.toISOString() ?? null,
        not_ready: vm.notReady,
        guest: guestView(await read((db) => getGuest(db, id))),
      },
      200,
    );
  });

  app.openapi(create, async (c) => {
    const vm = await run(c, createVm, c.req.valid('query'));
    return c.json({ instance_id: vm.id, status: 'creating' as const }, 200);
  });

  app.openapi(release, async (c) => {
    const { changed } = await run(c, releaseVm, c.req.valid('param'));
    const message = changed ? 'VM is being destroyed (hot spares will be replenished)' : 'VM was released before';
    return c.json(done(message), 200);
  });

  app.openapi(destroy, async (c) => {
    const { changed } = await run(c, destroyVm, c.req.valid('param'));
    return c.json(done(changed ? 'VM is being destroyed' : 'VM was destroyed before'), 200);
  });
}
