import { type VmEvent, type VmStatus, vmTransition } from '../domain/vm.js';
import { Prisma, type Vm } from '../generated/prisma/client.js';
import { claimable } from './claimable.js';
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
 * position from 1. Rows that another caller holds are skipped, not waited for.
 */
export function claimSpares(
  tx: Tx,
  poolId: string,
  assignees: readonly string[],
): Promise<{ id: string; n: number }[]> {
  return tx.$queryRaw<{ id: string; n: number }[]>(Prisma.sql`
    WITH free AS (
      SELECT "id" FROM "Vm" WHERE ${claimable(Prisma.sql`${poolId}::uuid`)}
      ORDER BY "readyAt" LIMIT ${assignees.length}::int FOR UPDATE SKIP LOCKED
    ), numbered AS (SELECT "id", row_number() OVER ()::int AS n FROM free)
    UPDATE "Vm" SET "status" = 'ASSIGNED', "hotSpare" = false, "assignedTo" = (${[...assignees]}::text[])[numbered.n],
      "assignedAt" = now(), "changedAt" = now(), "generation" = "generation" + 1
    FROM numbered WHERE "Vm"."id" = numbered."id"
    RETURNING "Vm"."id", numbered.n`);
}
