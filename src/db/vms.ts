import { type VmEvent, type VmStatus, vmTransition } from '../domain/vm.js';
import { Prisma, type Vm } from '../generated/prisma/client.js';
import { handedTo, spares } from './claim.js';
import type { Db, Tx } from './client.js';
import { lockRow } from './lockRow.js';

export type { Vm };

export function getVm(db: Db | Tx, id: string): Promise<Vm | null> {
  return db.vm.findUnique({ where: { id } });
}

/** The VM with its row held until the transaction ends, so that what is decided on it still holds when it is written. */
export function lockVm(tx: Tx, id: string): Promise<Vm | null> {
  return lockRow(tx, 'Vm', id);
}

/**
 * Moves a VM on, or answers undefined when another writer got there first or its status does not allow the event.
 * Guarded by `generation`: `vm` may have been read long ago.
 */
export async function moveVm(
  tx: Tx,
  vm: Pick<Vm, 'id' | 'status' | 'generation'>,
  event: VmEvent,
  also: Prisma.VmUpdateManyMutationInput = {},
): Promise<Vm | undefined> {
  const status: VmStatus | undefined = vmTransition(vm.status, event);
  if (status === undefined) return undefined;
  const [moved] = await tx.vm.updateManyAndReturn({
    where: { id: vm.id, generation: vm.generation },
    data: { ...also, status, changedAt: tx.clock.now(), generation: { increment: 1 } },
  });
  return moved;
}

/**
 * Takes ready spares for those who wait, longest ready first, one for each assignee as far as they go; `n` is the assignee's
 * position from 1.
 */
export function claimSpares(
  tx: Tx,
  poolId: string,
  assignees: readonly string[],
): Promise<{ id: string; n: number }[]> {
  const assignee = Prisma.sql`(${[...assignees]}::text[])[spare."n"]`;
  return tx.$queryRaw<{ id: string; n: number }[]>(Prisma.sql`
    WITH ${spares(Prisma.sql`${poolId}::uuid`, assignees.length)}
    UPDATE "Vm" SET ${handedTo(assignee)} FROM spare WHERE "Vm"."id" = spare."id"
    RETURNING "Vm"."id", spare."n"`);
}
