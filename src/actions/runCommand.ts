import { randomUUID } from 'node:crypto';
import { type Command, countQueued } from '../db/commands.js';
import { getGuest } from '../db/guests.js';
import { lockVm } from '../db/vms.js';
import type { CommandTransport } from '../domain/command.js';
import { Conflict, InvalidInput, type NotFound, type Unavailable } from '../domain/errors.js';
import { LIMITS } from '../domain/limits.js';
import { madeBy } from '../domain/principal.js';
import { qemuAgentOff } from '../domain/qemuAgent.js';
import { encodeJob, whatLacks } from '../guest/guestText.js';
import { commandTextOf, workingDirectoryOf } from './commandInput.js';
import type { ActionContext } from './context.js';
import { heldVm } from './heldVm.js';
import { checked, textOf, uuidOf, wholeNumberOf } from './input.js';

const DEFAULT_TIMEOUT_SECONDS = 600;

export interface RunCommandInput {
  vmId: string;
  /** The text of a batch file. */
  command: string;
  /** It is ended after this long; 600 unless given. */
  timeoutSeconds?: number | null | undefined;
  /** An absolute path in the guest; `C:\` unless given. */
  workingDirectory?: string | null | undefined;
  /** The same key for the same VM is the same command. */
  idempotencyKey?: string | null | undefined;
  /** Where given, the VM must be in these hands. */
  assignedTo?: string | null | undefined;
  /** Who runs it; the agent unless given. */
  transport?: CommandTransport | null | undefined;
}

/** Has a command run in a VM. It waits for its turn and for the guest to ask; what it does is in its row and its events. */
export async function runCommand(
  { by, write, qemuAgent }: Pick<ActionContext, 'by' | 'write' | 'qemuAgent'>,
  given: RunCommandInput,
): Promise<Command | InvalidInput | NotFound | Conflict | Unavailable> {
  const input = checked(() => ({
    vmId: uuidOf('vmId', given.vmId),
    command: commandTextOf(given.command),
    timeoutSeconds: wholeNumberOf(
      'timeoutSeconds',
      given.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS,
      1,
      LIMITS.commandSeconds.value,
    ),
    workingDirectory: given.workingDirectory == null ? null : workingDirectoryOf(given.workingDirectory),
    idempotencyKey: given.idempotencyKey == null ? null : textOf('idempotencyKey', given.idempotencyKey, 200),
    transport: given.transport ?? 'AGENT',
  }));
  if (input instanceof Error) return input;
  if (input.transport === 'QEMU_GUEST_AGENT' && !qemuAgent) return qemuAgentOff();
  const { vmId, idempotencyKey } = input;
  return write(async (tx, tell) => {
    // Held, so that the VM is not released meanwhile and two callers do not both take the last place.
    await lockVm(tx, vmId);
    const vm = await heldVm(tx, vmId, given.assignedTo);
    if (vm instanceof Error) return vm;
    if (idempotencyKey !== null) {
      const known = await tx.command.findUnique({ where: { vmId_idempotencyKey: { vmId, idempotencyKey } } });
      if (known !== null) return sameCommand(known, input) ?? known;
    }
    const guest = await getGuest(tx, vmId);
    if (guest !== null && encodeJob(input.command, guest) === undefined) {
      return new InvalidInput(
        'command',
        input.command,
        `The ${whatLacks(guest)}. ` +
          'Put the text into the VM as a UTF-8 file (PUT …/files/in/…) and run something that reads it.',
      );
    }
    if ((await countQueued(tx, vmId)) >= LIMITS.commandsWaiting.value) {
      return new Conflict(
        `${LIMITS.commandsWaiting.value} commands wait in the VM ${vmId} already`,
        'Wait for some of them to end, or cancel some.',
      );
    }
    const command = await tx.command.create({ data: { id: randomUUID(), ...input, ...madeBy(by) } });
    tell({ kind: 'COMMAND_QUEUED', vmType: vm.vmType, vmId, data: { commandId: command.id } });
    return command;
  });
}

function sameCommand(known: Command, asked: Pick<Command, 'command' | 'workingDirectory'>): Conflict | undefined {
  if (known.command === asked.command && known.workingDirectory === asked.workingDirectory) return undefined;
  return new Conflict(
    `the idempotency key was used for another command of this VM (${known.id})`,
    'Use a new key for a new command.',
  );
}
