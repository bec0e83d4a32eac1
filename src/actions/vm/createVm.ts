import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { currentImage, lockImage } from '../../db/images.js';
import { lockPool } from '../../db/pools.js';
import { Conflict, NotFound, Unavailable } from '../../domain/errors.js';
import { sizesOf } from '../../domain/pool.js';
import { madeBy } from '../../domain/principal.js';
import { field, prose } from '../../domain/prose.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { poolFields } from '../fields.js';
import { noImageOf, poolNamed, poolOf } from '../pool/poolNamed.js';

const MAX_VMS = field('maxVms');

export const createVm = defineAction({
  name: 'createVm',
  description:
    'Makes a VM outside the pool of spares: nobody else is given it, and it lives until it is released or destroyed.',
  permission: 'vm:create',
  input: z.strictObject(poolFields),
  about: 'Which VM to make.',
  refusals: ['NOT_FOUND', 'NO_GOLDEN_IMAGE', 'CONFLICT', 'CAPACITY_EXHAUSTED', 'UNAVAILABLE'],
  async run(context: ActionContext, given) {
    const known = await context.read((db) => poolNamed(db, poolOf(given)));
    if (known instanceof Error) return known;
    const current = await context.read((db) => currentImage(db, known.lineId));
    if (current === null) return noImageOf(known);
    if (current.problem !== null)
      return new Unavailable(
        'storage',
        current.problem,
        'Put the files back as they were, or make a new golden image and retire this one.',
      );
    const refusal = await context.admit({ kind: 'clone', ...sizesOf(current, known) });
    if (refusal) return refusal;
    return context.write(async (tx, tell) => {
      // Holds both rows, so two callers can't both take the last place, and the image is not retired meanwhile.
      const pool = await lockPool(tx, known.id);
      const image = await lockImage(tx, current.id);
      if (pool === null) return new NotFound('pool', known.name);
      if (image?.status !== 'READY') return noImageOf(known);
      if (image.lineId !== pool.lineId)
        return new Conflict(`pool ${pool.name} has just been given another line`, 'Ask again.');
      const { id: poolId, vmType } = pool;
      const live = await tx.vm.count({ where: { poolId, cleanedAt: null } });
      if (live >= pool.maxVms) {
        return new Conflict(
          prose`pool ${pool.name} has ${live} VMs, as many as its ${MAX_VMS} allows`,
          prose`Release a VM, or raise ${MAX_VMS} of the pool.`,
        );
      }
      const { cpuCores, ramMiB } = sizesOf(image, pool);
      const vm = await tx.vm.create({
        data: {
          id: randomUUID(),
          poolId,
          vmType,
          goldenImageId: image.id,
          hotSpare: false,
          cpuCores,
          ramMiB,
          ...madeBy(context.by),
        },
      });
      tell({ kind: 'VM_REQUESTED', vmType, vmId: vm.id, goldenImageId: image.id });
      return vm;
    });
  },
});
