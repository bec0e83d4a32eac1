import { lockVm, moveVm, type Vm } from '../db/vms.js';
import type { Deps } from './deps.js';

/** Tells whoever has the VM, or waits for it, why it is not to be had now, or (null) that it is again. Each reason once. */
export async function tellNotReady(
  { write, log }: Pick<Deps, 'write' | 'log'>,
  vm: Vm,
  reason: string | null,
): Promise<void> {
  const { id: vmId, vmType } = vm;
  const told = await write(async (tx, tell) => {
    const latest = await lockVm(tx, vmId);
    if (latest?.generation !== vm.generation || latest.notReady === reason) return false;
    await tx.vm.update({ where: { id: vmId }, data: { notReady: reason } });
    const subject = { vmType, vmId } as const;
    tell(reason === null ? { kind: 'VM_READY', ...subject } : { kind: 'VM_NOT_READY', ...subject, reason });
    return true;
  });
  if (told) log.info({ vmId, reason }, reason === null ? 'a vm is to be had again' : 'a vm is not to be had');
}

/** The engine makes a VM wait that it had started and that nobody has: it is to be started anew. */
export async function makeWait({ write, log }: Pick<Deps, 'write' | 'log'>, vm: Vm, reason: string): Promise<void> {
  const { id: vmId, vmType } = vm;
  const moved = await write(async (tx, tell) => {
    const latest = await lockVm(tx, vmId);
    if (latest?.generation !== vm.generation) return undefined;
    const moved = await moveVm(tx, latest, 'WAITS', { notReady: reason });
    if (moved) tell({ kind: 'VM_NOT_READY', vmType, vmId, reason });
    return moved;
  });
  if (moved) log.info({ vmId, reason }, 'a vm is to be started anew');
}
