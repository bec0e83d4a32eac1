import { createVm } from '../actions/createVm.js';
import { releaseVm } from '../actions/releaseVm.js';
import type { Vm as VmRow } from '../db/vms.js';
import { PRICES } from '../domain/prices.js';
import { ID_DESCRIPTION, POOL_DESCRIPTION, POOL_VM_TYPE_DESCRIPTION } from './args.js';
import { builder } from './builder.js';
import {
  answer,
  CapacityExhausted,
  Conflict,
  InvalidInput,
  NoGoldenImage,
  NotFound,
  onNode,
  resultType,
  Unavailable,
} from './refusals.js';
import { Vm } from './vm.js';

interface Changed {
  vm: VmRow;
  changed: boolean;
}

const CreateVmPayload = builder.objectRef<{ vm: VmRow }>('CreateVmPayload').implement({
  description: 'The VM was asked for.',
  fields: (t) => ({ vm: t.expose('vm', { type: Vm, description: 'The new VM, REQUESTED.' }) }),
});

const CreateVmResult = builder.unionType('CreateVmResult', {
  description: 'What createVm answers.',
  types: [CreateVmPayload, InvalidInput, NotFound, NoGoldenImage, Conflict, CapacityExhausted, Unavailable],
  resolveType: resultType('CreateVmPayload'),
});

const CreateVmInput = builder.inputType('CreateVmInput', {
  description: 'Which VM to make.',
  fields: (t) => ({
    pool: t.string({ description: POOL_DESCRIPTION }),
    vmType: t.string({ description: POOL_VM_TYPE_DESCRIPTION }),
  }),
});

builder.mutationField('createVm', (t) =>
  t.field({
    type: CreateVmResult,
    description:
      'Makes a VM outside the pool of spares: nobody else is given it, and it lives until it is released or destroyed.',
    complexity: PRICES.change.points,
    args: { input: t.arg({ type: CreateVmInput, required: true, description: 'Which VM to make.' }) },
    resolve: async (_root, { input }, context) => {
      const given = { pool: input.pool ?? undefined, vmType: input.vmType ?? undefined };
      return answer(await createVm(context, given), (vm) => ({ vm }));
    },
  }),
);

/** releaseVm and destroyVm differ in the reason that goes on record. */
function endOfVm(
  name: 'releaseVm' | 'destroyVm',
  says: { did: string; description: string; reason: 'released' | 'destroyed' },
): void {
  const title = name === 'releaseVm' ? 'ReleaseVm' : 'DestroyVm';
  const Payload = builder.objectRef<Changed>(`${title}Payload`).implement({
    description: `The VM ${says.did}.`,
    fields: (t) => ({
      vm: t.expose('vm', { type: Vm, description: 'The VM, on its way out.' }),
      changed: t.exposeBoolean('changed', { description: 'False: it was on its way out, or gone, before this call.' }),
    }),
  });
  const Result = builder.unionType(`${title}Result`, {
    description: `What ${name} answers.`,
    types: [Payload, InvalidInput, NotFound],
    resolveType: resultType(`${title}Payload`),
  });
  const Input = builder.inputType(`${title}Input`, {
    description: 'Which VM.',
    fields: (t) => ({ id: t.id({ required: true, description: ID_DESCRIPTION }) }),
  });
  builder.mutationField(name, (t) =>
    t.field({
      type: Result,
      description: says.description,
      complexity: PRICES.change.points,
      args: { input: t.arg({ type: Input, required: true, description: 'Which VM.' }) },
      resolve: async (_root, { input }, context) =>
        answer(await onNode('Vm', input.id, (id) => releaseVm(context, { id }, says.reason)), ({ vm, changed }) => ({
          vm,
          changed,
        })),
    }),
  );
}

endOfVm('releaseVm', {
  did: 'was given back',
  reason: 'released',
  description: 'Gives the VM back: it is destroyed with all that was written to it. Asking twice changes nothing.',
});
endOfVm('destroyVm', {
  did: 'is being destroyed',
  reason: 'destroyed',
  description: 'Destroys the VM, whatever its status. Asking twice changes nothing.',
});
