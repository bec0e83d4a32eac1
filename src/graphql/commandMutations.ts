import { cancelCommand } from '../actions/cancelCommand.js';
import { checked, wholeNumberOf } from '../actions/input.js';
import { runCommand } from '../actions/runCommand.js';
import { waitForCommand } from '../actions/waitForCommand.js';
import type { Command as CommandRow } from '../db/commands.js';
import { shown } from '../domain/limit.js';
import { LIMITS } from '../domain/limits.js';
import { PRICES } from '../domain/prices.js';
import { ID_DESCRIPTION } from './args.js';
import { builder } from './builder.js';
import { Command, CommandTransport } from './command.js';
import { uuidOfNode } from './nodeId.js';
import { answer, Conflict, InvalidInput, NotFound, onNode, resultType, Unavailable } from './refusals.js';

const RunCommandPayload = builder.objectRef<{ command: CommandRow }>('RunCommandPayload').implement({
  description: 'The command was taken.',
  fields: (t) => ({
    command: t.expose('command', {
      type: Command,
      description: 'Over, with its exit code and output, when it ended within `waitSeconds`; else see commandUpdated.',
    }),
  }),
});

const RunCommandResult = builder.unionType('RunCommandResult', {
  description: 'What runCommand answers.',
  types: [RunCommandPayload, InvalidInput, NotFound, Conflict, Unavailable],
  resolveType: resultType('RunCommandPayload'),
});

const RunCommandInput = builder.inputType('RunCommandInput', {
  description: 'What to run, and where.',
  fields: (t) => ({
    vmId: t.id({ required: true, description: `The VM. ${ID_DESCRIPTION}` }),
    command: t.string({
      required: true,
      description: `The text of a batch file, up to ${shown(LIMITS.commandCharacters)} characters: one command, or many on lines of their own. It runs as the user who is logged on.`,
    }),
    timeoutSeconds: t.int({
      required: true,
      defaultValue: 600,
      description: `It is ended, with its children, when it runs longer: 1 to ${shown(LIMITS.commandSeconds)}.`,
    }),
    workingDirectory: t.string({ description: 'An absolute path in the guest, such as `C:\\src`. Left out: `C:\\`.' }),
    idempotencyKey: t.string({
      description: 'The same key in the same VM gets the same command again and runs nothing: retries are safe.',
    }),
    assignedTo: t.string({ description: 'Refuse when the VM is not assigned to just this.' }),
    transport: t.field({
      type: CommandTransport,
      required: true,
      defaultValue: 'AGENT',
      description: 'Who runs it in the guest.',
    }),
    waitSeconds: t.int({
      required: true,
      defaultValue: 0,
      description: `How long to wait with the answer while it runs, in seconds, up to ${LIMITS.waitSeconds.value}.`,
    }),
  }),
});

builder.mutationField('runCommand', (t) =>
  t.field({
    type: RunCommandResult,
    description:
      'Runs a command in a VM that was handed out. Up to 8 run at the same time, the others wait their turn.',
    complexity: PRICES.change.points,
    args: { input: t.arg({ type: RunCommandInput, required: true, description: 'What to run, and where.' }) },
    resolve: async (_root, { input }, context) => {
      const { waitSeconds, vmId: given, ...rest } = input;
      const run = async () => {
        const vmId = uuidOfNode('Vm', 'vmId', given);
        if (vmId instanceof Error) return vmId;
        const seconds = checked(() => wholeNumberOf('waitSeconds', waitSeconds, 0, LIMITS.waitSeconds.value));
        if (seconds instanceof Error) return seconds;
        const command = await runCommand(context, {
          ...rest,
          vmId,
          workingDirectory: rest.workingDirectory ?? undefined,
          idempotencyKey: rest.idempotencyKey ?? undefined,
          assignedTo: rest.assignedTo ?? undefined,
        });
        if (command instanceof Error) return command;
        return waitForCommand(context, command, seconds * 1000);
      };
      return answer(await run(), (command) => ({ command }));
    },
  }),
);

const CancelCommandPayload = builder
  .objectRef<{ command: CommandRow; changed: boolean }>('CancelCommandPayload')
  .implement({
    description: 'The command is to end.',
    fields: (t) => ({
      command: t.expose('command', {
        type: Command,
        description: 'CANCELLED when it had not started; else it is ended by the guest: see commandUpdated.',
      }),
      changed: t.exposeBoolean('changed', {
        description: 'False: it was over, or its end was asked for, before this call.',
      }),
    }),
  });

const CancelCommandResult = builder.unionType('CancelCommandResult', {
  description: 'What cancelCommand answers.',
  types: [CancelCommandPayload, InvalidInput, NotFound],
  resolveType: resultType('CancelCommandPayload'),
});

const CancelCommandInput = builder.inputType('CancelCommandInput', {
  description: 'Which command.',
  fields: (t) => ({ id: t.id({ required: true, description: ID_DESCRIPTION }) }),
});

builder.mutationField('cancelCommand', (t) =>
  t.field({
    type: CancelCommandResult,
    description: 'Ends a command with all its children, or takes it out of the queue. Asking twice changes nothing.',
    complexity: PRICES.change.points,
    args: { input: t.arg({ type: CancelCommandInput, required: true, description: 'Which command.' }) },
    resolve: async (_root, { input }, context) =>
      answer(await onNode('Command', input.id, (id) => cancelCommand(context, { id })), ({ command, changed }) => ({
        command,
        changed,
      })),
  }),
);
