import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type Command, countQueued } from '../../db/commands.js';
import { getGuest } from '../../db/guests.js';
import { lockVm } from '../../db/vms.js';
import { COMMAND_TRANSPORTS } from '../../domain/command.js';
import { Conflict, InvalidInput } from '../../domain/errors.js';
import { shown } from '../../domain/limit.js';
import { LIMITS } from '../../domain/limits.js';
import { madeBy } from '../../domain/principal.js';
import { qemuAgentOff } from '../../domain/qemuAgent.js';
import { encodeJob, whatLacks } from '../../guest/guestText.js';
import { defineAction } from '../action.js';
import type { ActionContext } from '../context.js';
import { assignedTo, aVm, waitSeconds as aWait, checkedText, idempotencyKey, wholeNumber } from '../fields.js';
import { heldVm } from '../vm/heldVm.js';
import { commandTextOf, LONGEST_DIRECTORY, workingDirectoryOf } from './commandInput.js';
import { waitForCommand } from './waitForCommand.js';

export const AT_ONCE = `Up to ${LIMITS.commandsAtOnce.value} run at the same time, the others wait their turn.`;

/** It waits for its turn and for the guest to ask; what it does is in its row and its events. */
export const runCommand = defineAction({
  name: 'runCommand',
  description: `Runs a command in a VM that was handed out. ${AT_ONCE}`,
  permission: 'command:run',
  input: z.strictObject({
    vmId: aVm(),
    command: checkedText(commandTextOf, LIMITS.commandCharacters.value).describe(
      `The text of a batch file, up to ${shown(LIMITS.commandCharacters)} characters: one command, or many on lines of their own. It runs as the user who is logged on.`,
    ),
    timeoutSeconds: wholeNumber(1, LIMITS.commandSeconds.value)
      .default(600)
      .describe(`It is ended, with its children, when it runs longer: 1 to ${shown(LIMITS.commandSeconds)}.`),
    workingDirectory: checkedText(workingDirectoryOf, LONGEST_DIRECTORY)
      .optional()
      .describe('An absolute path in the guest, such as `C:\\src`. Left out: `C:\\`.'),
    idempotencyKey: idempotencyKey(
      'The same key in the same VM gets the same command again and runs nothing: retries are safe.',
    ),
    assignedTo: assignedTo().optional(),
    transport: z.enum(COMMAND_TRANSPORTS).default('AGENT').describe('Who runs it in the guest.'),
    waitSeconds: aWait('How long to wait with the answer while it runs'),
  }),
  about: 'What to run, and where.',
  refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
  async run(context: Pick<ActionContext, 'by' | 'address' | 'read' | 'feed' | 'gone' | 'write' | 'qemuAgent'>, given) {
    const { assignedTo, waitSeconds, workingDirectory = null, idempotencyKey = null, ...rest } = given;
    const input = { ...rest, workingDirectory, idempotencyKey };
    if (input.transport === 'QEMU_GUEST_AGENT' && !context.qemuAgent) return qemuAgentOff();
    const command = await queue(context, input, assignedTo);
    return command instanceof Error ? command : waitForCommand(context, command, waitSeconds * 1000);
  },
});

type Asked = Pick<Command, 'vmId' | 'command' | 'timeoutSeconds' | 'workingDirectory' | 'idempotencyKey' | 'transport'>;

function queue({ by, write }: Pick<ActionContext, 'by' | 'write'>, input: Asked, assignedTo: string | undefined) {
  const { vmId, idempotencyKey } = input;
  return write(async (tx, tell) => {
    // Held, so that the VM is not released meanwhile and two callers do not both take the last place.
    await lockVm(tx, vmId);
    const vm = await heldVm(tx, vmId, assignedTo);
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
