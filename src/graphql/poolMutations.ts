import { deletePool } from '../actions/deletePool.js';
import { ensureHotSpares, setPool } from '../actions/setPool.js';
import { PRICES } from '../domain/prices.js';
import type { Pool as PoolRow } from '../generated/prisma/client.js';
import { POOL_DESCRIPTION, POOL_VM_TYPE_DESCRIPTION, VM_TYPE_DESCRIPTION } from './args.js';
import { builder } from './builder.js';
import { Pool } from './pool.js';
import { answer, Conflict, InvalidInput, NotFound, resultType } from './refusals.js';

const SetPoolPayload = builder.objectRef<{ pool: PoolRow }>('SetPoolPayload').implement({
  description: 'The pool was changed.',
  fields: (t) => ({
    pool: t.expose('pool', { type: Pool, description: 'The pool as it is now; it grows or shrinks from here.' }),
  }),
});

const SetPoolResult = builder.unionType('SetPoolResult', {
  description: 'What setPool answers.',
  types: [SetPoolPayload, InvalidInput, NotFound, Conflict],
  resolveType: resultType('SetPoolPayload'),
});

const SetPoolInput = builder.inputType('SetPoolInput', {
  description: 'What to change; what is left out stays.',
  fields: (t) => ({
    pool: t.string({ description: POOL_DESCRIPTION }),
    vmType: t.string({ description: POOL_VM_TYPE_DESCRIPTION }),
    line: t.string({
      description:
        'Name of the line of golden images that its VMs are cloned from; spares of another line are replaced. A new pool has that of the vmType unless it is given another.',
    }),
    hotSpares: t.int({ description: 'How many ready VMs to keep in store; at most maxVms.' }),
    maxVms: t.int({ description: 'How many VMs there may be at a time.' }),
    cpuCores: t.int({ description: 'Virtual processors of VMs made from now on; null: as the golden image has.' }),
    ramMiB: t.int({ description: 'Memory in MiB of VMs made from now on; null: as the golden image has.' }),
    uniqueComputerNames: t.boolean({
      description:
        'Give each VM a computer name that no living VM has: it restarts once before it is ready. Spares that are ready already are replaced. Needs the agent.',
    }),
  }),
});

builder.mutationField('setPool', (t) =>
  t.field({
    type: SetPoolResult,
    description: 'Changes a pool; makes it when it is not there.',
    complexity: PRICES.change.points,
    args: { input: t.arg({ type: SetPoolInput, required: true, description: 'What to change.' }) },
    resolve: async (_root, { input }, context) => {
      const { cpuCores, ramMiB } = input;
      const given = {
        pool: input.pool ?? undefined,
        vmType: input.vmType ?? undefined,
        line: input.line ?? undefined,
        cpuCores,
        ramMiB,
        hotSpares: input.hotSpares ?? undefined,
        maxVms: input.maxVms ?? undefined,
        uniqueComputerNames: input.uniqueComputerNames ?? undefined,
      };
      return answer(await setPool(context, given), (pool) => ({ pool }));
    },
  }),
);

const EnsureHotSparesPayload = builder.objectRef<{ pools: PoolRow[] }>('EnsureHotSparesPayload').implement({
  description: 'The pools look again.',
  fields: (t) => ({
    pools: t.expose('pools', { type: [Pool], description: 'The pools that were asked, as they are now.' }),
  }),
});

const EnsureHotSparesResult = builder.unionType('EnsureHotSparesResult', {
  description: 'What ensureHotSpares answers.',
  types: [EnsureHotSparesPayload, InvalidInput, NotFound],
  resolveType: resultType('EnsureHotSparesPayload'),
});

const EnsureHotSparesInput = builder.inputType('EnsureHotSparesInput', {
  description: 'Which pools.',
  fields: (t) => ({
    pool: t.string({ description: 'Name of the pool. Left out, and no vmType given: every pool.' }),
    vmType: t.string({ description: `${VM_TYPE_DESCRIPTION} Its default pool is meant.` }),
  }),
});

builder.mutationField('ensureHotSpares', (t) =>
  t.field({
    type: EnsureHotSparesResult,
    description: 'Makes pools look again now whether spares are missing, even where they rest after failures.',
    complexity: PRICES.change.points,
    args: {
      input: t.arg({ type: EnsureHotSparesInput, defaultValue: {}, required: true, description: 'Which pools.' }),
    },
    resolve: async (_root, { input }, context) =>
      answer(
        await ensureHotSpares(context, { pool: input.pool ?? undefined, vmType: input.vmType ?? undefined }),
        (pools) => ({ pools }),
      ),
  }),
);

const DeletePoolPayload = builder.objectRef<{ pool: PoolRow }>('DeletePoolPayload').implement({
  description: 'The pool was deleted.',
  fields: (t) => ({
    name: t.string({ description: 'Its name, which is free again.', resolve: ({ pool }) => pool.name }),
  }),
});

const DeletePoolResult = builder.unionType('DeletePoolResult', {
  description: 'What deletePool answers.',
  types: [DeletePoolPayload, InvalidInput, NotFound, Conflict],
  resolveType: resultType('DeletePoolPayload'),
});

const DeletePoolInput = builder.inputType('DeletePoolInput', {
  description: 'Which pool.',
  fields: (t) => ({ pool: t.string({ required: true, description: 'Name of the pool.' }) }),
});

builder.mutationField('deletePool', (t) =>
  t.field({
    type: DeletePoolResult,
    description:
      'Deletes a pool. Refused while it has VMs, or requests wait for one. Its line, and what happened in it, stay.',
    complexity: PRICES.change.points,
    args: { input: t.arg({ type: DeletePoolInput, required: true, description: 'Which pool.' }) },
    resolve: async (_root, { input }, context) => answer(await deletePool(context, input), (pool) => ({ pool })),
  }),
);
