import { VM_TYPE_DESCRIPTION } from '../../actions/fields.js';
import { deletePool } from '../../actions/pool/deletePool.js';
import { ensureHotSpares } from '../../actions/pool/ensureHotSpares.js';
import { poolOf } from '../../actions/pool/poolNamed.js';
import { setPool } from '../../actions/pool/setPool.js';
import { poolsOfImage } from '../../db/pools.js';
import { NotFound } from '../../domain/errors.js';
import { EVENT_KINDS, type Event } from '../../domain/events.js';
import { PRICES } from '../../domain/prices.js';
import type { Pool as PoolRow } from '../../generated/prisma/client.js';
import { nameArg, vmTypeArg } from '../args.js';
import { builder } from '../builder.js';
import { changes } from '../changes.js';
import { notFound } from '../errors.js';
import type { PoolCounts as Counts } from '../loaders.js';
import { mutation } from '../verbs.js';
import { Assignment } from './assignment.js';
import { GoldenImage } from './goldenImage.js';
import { Vm } from './vm.js';

const PoolCounts = builder.objectRef<Counts>('PoolCounts').implement({
  description:
    'How many VMs of a pool are in which status. Only those that may still hold a container or a disk are counted.',
  fields: (t) => ({
    requested: t.int({ description: 'About to be made.', resolve: ({ byStatus }) => byStatus.REQUESTED ?? 0 }),
    booting: t.int({ description: 'Starting.', resolve: ({ byStatus }) => byStatus.BOOTING ?? 0 }),
    ready: t.int({
      description: 'Up and in nobody’s hands, those made by createVm too.',
      resolve: ({ byStatus }) => byStatus.READY ?? 0,
    }),
    readySpares: t.exposeInt('readySpares', {
      description: 'Of the ready ones, spares that were seen alive lately: assignVm hands these out at once.',
    }),
    assigned: t.int({ description: 'Handed out.', resolve: ({ byStatus }) => byStatus.ASSIGNED ?? 0 }),
    releasing: t.int({ description: 'Being destroyed.', resolve: ({ byStatus }) => byStatus.RELEASING ?? 0 }),
    failed: t.int({ description: 'Failed and not cleaned up yet.', resolve: ({ byStatus }) => byStatus.FAILED ?? 0 }),
    live: t.int({
      description: 'All of them; maxVms is the limit of this.',
      resolve: ({ byStatus }) => Object.values(byStatus).reduce((sum, count) => sum + count, 0),
    }),
  }),
});

export const Pool = builder.node(builder.objectRef<PoolRow>('Pool'), {
  description: 'The VMs of one purpose: how many are wanted, how many there are, and who waits.',
  id: { resolve: ({ name }) => name },
  loadMany: async (names, { read }) => {
    const found = await read((db) => db.pool.findMany({ where: { name: { in: names } } }));
    return names.map((name) => found.find((one) => one.name === name));
  },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name, which never changes.' }),
    vmType: t.exposeString('vmType', { description: 'Windows version.' }),
    hotSpares: t.exposeInt('hotSpares', { description: 'How many ready VMs to keep in store.' }),
    maxVms: t.exposeInt('maxVms', {
      description: 'How many VMs there may be at a time, assigned and failed ones included.',
    }),
    cpuCores: t.exposeInt('cpuCores', {
      nullable: true,
      description: 'Virtual processors of a new VM; null: as the golden image has.',
    }),
    ramMiB: t.exposeInt('ramMiB', {
      nullable: true,
      description: 'Memory of a new VM in MiB; null: as the golden image has.',
    }),
    uniqueComputerNames: t.exposeBoolean('uniqueComputerNames', {
      description: 'Whether each VM gets a computer name that no living VM has.',
    }),
    failures: t.exposeInt('failures', {
      description: 'VMs in a row that failed before they were handed out; sets how long the pool rests.',
    }),
    retryAt: t.expose('retryAt', {
      type: 'DateTime',
      nullable: true,
      description: 'No VM is made before this time, after failures.',
    }),
    blocked: t.exposeString('blocked', {
      nullable: true,
      description: 'Why the pool does not grow; null when it does.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the pool was made.' }),
    counts: t.field({
      type: PoolCounts,
      description: 'Its VMs by status.',
      resolve: async (pool, _args, { load }) => (await load.poolCounts(pool.id)) ?? { byStatus: {}, readySpares: 0 },
    }),
    queued: t.int({
      description: 'Assignments that wait for a VM.',
      resolve: async (pool, _args, { load }) => (await load.queued(pool.id)) ?? 0,
    }),
    currentGoldenImage: t.field({
      type: GoldenImage,
      nullable: true,
      description: 'The golden image that new spares are cloned from.',
      resolve: (pool, _args, { load }) => load.currentImage(pool.lineId),
    }),
  }),
});

builder.objectFields(Vm, (t) => ({
  pool: t.field({
    type: Pool,
    nullable: true,
    description: 'The pool that it is of; null: it was deleted.',
    resolve: ({ poolId }, _args, { load }) => load.pool(poolId),
  }),
}));

builder.objectFields(Assignment, (t) => ({
  pool: t.field({
    type: Pool,
    nullable: true,
    description: 'The pool that was asked; null: it was deleted.',
    resolve: ({ poolId }, _args, { load }) => load.pool(poolId),
  }),
}));

/** Which pool a query names. @throws GraphQLError  it is no name, or no vmType. */
function poolWhere({ name, vmType }: { name?: string | null | undefined; vmType?: string | null | undefined }) {
  const ref = poolOf({ pool: name == null ? undefined : nameArg('name', name), vmType: vmTypeArg(vmType) });
  return { name: ref.name, ...(ref.vmType !== null && { vmType: ref.vmType }) };
}

builder.queryFields((t) => ({
  pool: t.field({
    type: Pool,
    nullable: true,
    description:
      'The pool of this name, or the default pool of a vmType; null: there is none. A default pool comes into being with the first golden image.',
    args: {
      name: t.arg.string({ description: 'Name of the pool.' }),
      vmType: t.arg.string({ description: `${VM_TYPE_DESCRIPTION} With a name: the pool must be of it.` }),
    },
    resolve: (_root, args, { read }) => {
      const where = poolWhere(args);
      return read((db) => db.pool.findUnique({ where }));
    },
  }),
  pools: t.field({
    type: [Pool],
    description: 'All pools, by name.',
    complexity: { field: PRICES.read.points, multiplier: 20 },
    resolve: (_root, _args, { read }) => read((db) => db.pool.findMany({ orderBy: { name: 'asc' } })),
  }),
}));

/** An installation's progress changes nothing that a pool shows, and one that was deleted shows nothing. */
const POOL_EVENTS = EVENT_KINDS.filter((kind) => kind !== 'GOLDEN_IMAGE_PROGRESS' && kind !== 'POOL_DELETED');

builder.subscriptionField('poolUpdated', (t) =>
  t.field({
    type: Pool,
    description:
      'The pool as it is, then as it is after each change of it, its VMs or its queue. Changes that come fast are told as one.',
    args: {
      name: t.arg.string({
        description: 'Name of the pool. Left out, and no vmType given: every pool, one after the other.',
      }),
      vmType: t.arg.string({ description: `${VM_TYPE_DESCRIPTION} Its default pool is meant.` }),
    },
    subscribe: async (_root, args, context) => {
      const { read } = context;
      const where = args.name == null && args.vmType == null ? undefined : poolWhere(args);
      const pools = await read((db) => db.pool.findMany({ where: where ?? {}, orderBy: { name: 'asc' } }));
      const one = where && pools[0];
      if (where && one === undefined) throw notFound(new NotFound('pool', where.name));
      // A golden image concerns all pools of its line.
      const filter = { kinds: POOL_EVENTS, ...(one && { vmType: one.vmType }) };
      const concerned = async ({ poolId, goldenImageId }: Event) => {
        if (poolId !== null) return [poolId];
        return goldenImageId === null ? [] : read((db) => poolsOfImage(db, goldenImageId));
      };
      return changes(
        context,
        filter,
        pools.map(({ id }) => id),
        async (event) => (await concerned(event)).filter((id) => one === undefined || id === one.id),
      );
    },
    resolve: async (id, _args, { load }) => {
      const pool = await load.pool(id);
      if (pool === undefined) throw notFound(new NotFound('pool', id));
      return pool;
    },
  }),
);

mutation(setPool, {
  payload: 'The pool was changed.',
  fields: (t) => ({
    pool: t.field({
      type: Pool,
      description: 'The pool as it is now; it grows or shrinks from here.',
      resolve: (pool) => pool,
    }),
  }),
});

mutation(ensureHotSpares, {
  payload: 'The pools look again.',
  mayBeBare: true,
  fields: (t) => ({
    pools: t.field({
      type: [Pool],
      description: 'The pools that were asked, as they are now.',
      resolve: (pools) => pools,
    }),
  }),
});

mutation(deletePool, {
  payload: 'The pool was deleted.',
  fields: (t) => ({ name: t.exposeString('name', { description: 'Its name, which is free again.' }) }),
});
