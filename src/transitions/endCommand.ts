import type { Tx } from '../db/client.js';
import { breakCommandsOf, type Command, moveCommand } from '../db/commands.js';
import type { Vm } from '../db/vms.js';
import type { CommandEvent } from '../domain/command.js';
import type { Tell } from '../domain/events.js';
import type { Prisma } from '../generated/prisma/client.js';

/** How a command ended. */
export type CommandEnd = { also?: Prisma.CommandUpdateManyMutationInput } & (
  | { event: 'EXITED'; exitCode: number }
  | { event: Exclude<CommandEvent, 'EXITED' | 'DELIVERED'>; reason: string }
);

/** It was ended because its time was over. */
export function timedOut({ timeoutSeconds }: Pick<Command, 'timeoutSeconds'>): CommandEnd {
  return { event: 'TIMED_OUT', reason: `it ran longer than ${timeoutSeconds} s and was ended` };
}

/** It was ended because somebody asked for that. */
export const CANCELLED_RUNNING: CommandEnd = { event: 'CANCELLED', reason: 'cancelled while it ran' };

/** Ends a command whose row is held and which is not over. The event says how, and nothing of what it was or wrote. */
export async function endCommand(tx: Tx, tell: Tell, command: Command, end: CommandEnd): Promise<Command> {
  const exitCode = end.event === 'EXITED' ? end.exitCode : null;
  const reason = end.event === 'EXITED' ? null : end.reason;
  const ended = await moveCommand(tx, command, end.event, { ...end.also, exitCode, reason, endedAt: tx.clock.now() });
  if (ended === undefined)
    throw new Error(`command ${command.id} is ${command.status}, which does not allow ${end.event}`);
  const { id: commandId, vmId, status } = ended;
  const { vmType } = await tx.vm.findUniqueOrThrow({ where: { id: vmId }, select: { vmType: true } });
  const data = { commandId, status, exitCode };
  tell({ kind: 'COMMAND_ENDED', vmType, vmId, ...(reason !== null && { reason }), data });
  return ended;
}

/** Ends whatever still waits or runs in a VM that is not usable any more, in the transaction that moves the VM. */
export async function endCommandsOf(tx: Tx, tell: Tell, vm: Pick<Vm, 'id' | 'vmType'>, reason: string): Promise<void> {
  for (const { id: commandId } of await breakCommandsOf(tx, vm.id, reason)) {
    const data = { commandId, status: 'FAILED', exitCode: null };
    tell({ kind: 'COMMAND_ENDED', vmType: vm.vmType, vmId: vm.id, reason, data });
  }
}
