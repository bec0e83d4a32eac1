import { poolsOfImage } from '../db/pools.js';
import { NotFound } from '../domain/errors.js';
import { EVENT_KINDS, type Event } from '../domain/events.js';
import { PRICES } from '../domain/prices.js';
import { VM_TYPE_DESCRIPTION, vmTypeArg } from './args.js';
import { builder } from './builder.js';
import { changes, present } from './changes.js';
import { notFound } from './errors.js';
import { GoldenImage } from './goldenImage.js';
import type { PoolCounts as Counts } from './loaders.js';

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

export const Pool = builder.prismaNode('Pool', {
  description: 'The VMs of one purpose: how many are wanted, how many there are, and who waits.',
  id: { field: 'name' },
  nullable: true,
  fields: (t) => ({
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

builder.queryFields((t) => ({
  pool: t.field({
    type: Pool,
    nullable: true,
    description: 'The pool of one vmType, or null: it comes into being with the first golden image.',
    args: { vmType: t.arg.string({ required: true, description: VM_TYPE_DESCRIPTION }) },
    resolve: (_root, { vmType }, { read }) => read((db) => db.pool.findUnique({ where: { name: vmTypeArg(vmType) } })),
  }),
  pools: t.field({
    type: [Pool],
    description: 'All pools, by vmType.',
    complexity: { field: PRICES.read.points, multiplier: 20 },
    resolve: (_root, _args, { read }) => read((db) => db.pool.findMany({ orderBy: { name: 'asc' } })),
  }),
}));

/** An installation's progress changes nothing that a pool shows. */
const POOL_EVENTS = EVENT_KINDS.filter((kind) => kind !== 'GOLDEN_IMAGE_PROGRESS');

builder.subscriptionField('poolUpdated', (t) =>
  t.field({
    type: Pool,
    description:
      'The pool as it is, then as it is after each change of it, its VMs or its queue. Changes that come fast are told as one.',
    args: {
      vmType: t.arg.string({ description: `${VM_TYPE_DESCRIPTION} Left out: every pool, one after the other.` }),
    },
    subscribe: async (_root, args, context) => {
      const vmType = vmTypeArg(args.vmType);
      const { read } = context;
      const where = vmType === undefined ? {} : { name: vmType };
      const pools = await read((db) => db.pool.findMany({ where, orderBy: { name: 'asc' }, select: { id: true } }));
      const one = vmType === undefined ? undefined : pools[0]?.id;
      if (vmType !== undefined && one === undefined) throw notFound(new NotFound('pool', vmType));
      // A golden image concerns all pools of its line.
      const filter = { kinds: POOL_EVENTS, ...(vmType !== undefined && { vmType }) };
      const concerned = async ({ poolId, goldenImageId }: Event) => {
        if (poolId !== null) return [poolId];
        return goldenImageId === null ? [] : read((db) => poolsOfImage(db, goldenImageId));
      };
      return changes(
        context,
        filter,
        pools.map(({ id }) => id),
        async (event) => (await concerned(event)).filter((id) => one === undefined || id === one),
      );
    },
    resolve: async (id, _args, { load }) => present(await load.pool(id)),
  }),
);
