import { cancelCommand } from '../../actions/command/cancelCommand.js';
import { runCommand } from '../../actions/command/runCommand.js';
import type { Command as CommandRow } from '../../db/commands.js';
import {
  isCommandOver,
  isTruncated,
  type CommandStatus as Status,
  type CommandTransport as Transport,
} from '../../domain/command.js';
import { InvalidInput, NotFound } from '../../domain/errors.js';
import { LIMITS } from '../../domain/limits.js';
import { PRICES } from '../../domain/prices.js';
import { ID_DESCRIPTION, idArg } from '../args.js';
import { builder } from '../builder.js';
import { changes, present } from '../changes.js';
import { badUserInput, notFound } from '../errors.js';
import { AFTER_DESCRIPTION, FIRST_DESCRIPTION, pageByCreation, pageComplexity } from '../page.js';
import { mutation } from '../verbs.js';
import { CREATED_BY, Principal, principalOf } from './principal.js';
import { Vm } from './vm.js';

const CommandStatus = builder.enumType('CommandStatus', {
  description: 'Where a command is in its life.',
  values: {
    QUEUED: { description: 'Waits for the guest to fetch it.' },
    RUNNING: { description: 'Was handed to the guest.' },
    EXITED: { description: 'Ended by itself; `exitCode` says how.' },
    TIMED_OUT: { description: 'Ran longer than `timeoutSeconds` and was ended with its children.' },
    CANCELLED: { description: 'Was cancelled.' },
    FAILED: { description: 'Could not be run to its end; `reason` says why.' },
  } satisfies Record<Status, { description: string }>,
});

const CommandTransport = builder.enumType('CommandTransport', {
  description: 'Who runs a command in the guest.',
  values: {
    AGENT: { description: "vapiorc's own agent." },
    QEMU_GUEST_AGENT: {
      description: 'The QEMU guest agent, where the golden image has it and VAPIORC_QEMU_AGENT is on.',
    },
  } satisfies Record<Transport, { description: string }>,
});

const KEPT = `The first ${LIMITS.commandOutputBytes.value / 1024} KiB are kept.`;
const AFTER = 'Leaves out this many UTF-16 units from the beginning: the length of what the caller has.';

/** @throws GraphQLError  it is negative. */
function tail(text: string, after: number): string {
  if (after < 0) throw badUserInput(new InvalidInput('after', String(after), 'Give 0 or more.'));
  return text.slice(after);
}

export const Command = builder.node(builder.objectRef<CommandRow>('Command'), {
  description: 'A command that was run in a VM: the text of a batch file.',
  id: { resolve: ({ id }) => id },
  loadMany: (ids, { load }) => ids.map((id) => load.command(id)),
  fields: (t) => ({
    commandId: t.exposeString('id', { description: 'The bare UUID.' }),
    command: t.exposeString('command', {
      complexity: PRICES.longText.points,
      description: 'The text of the batch file.',
    }),
    workingDirectory: t.exposeString('workingDirectory', {
      nullable: true,
      description: 'Where it ran; null: `C:\\`.',
    }),
    timeoutSeconds: t.exposeInt('timeoutSeconds', { description: 'How long it may run, in seconds.' }),
    transport: t.expose('transport', { type: CommandTransport, description: 'Who runs it.' }),
    status: t.expose('status', { type: CommandStatus, description: 'Where it is in its life.' }),
    exitCode: t.exposeInt('exitCode', {
      nullable: true,
      description: 'Exit code once EXITED, signed as Windows has it: a crash is negative.',
    }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why it timed out, was cancelled or failed.' }),
    stdout: t.string({
      complexity: PRICES.output.points,
      description: `What it wrote to its standard output so far. ${KEPT}`,
      args: { after: t.arg.int({ required: true, defaultValue: 0, description: AFTER }) },
      resolve: async ({ id }, { after }, { load }) => tail((await load.commandOutput(id))?.stdout ?? '', after),
    }),
    stderr: t.string({
      complexity: PRICES.output.points,
      description: `What it wrote to its standard error so far. ${KEPT}`,
      args: { after: t.arg.int({ required: true, defaultValue: 0, description: AFTER }) },
      resolve: async ({ id }, { after }, { load }) => tail((await load.commandOutput(id))?.stderr ?? '', after),
    }),
    stdoutBytes: t.expose('stdoutBytes', {
      type: 'ByteCount',
      description: 'Bytes written to standard output in all.',
    }),
    stderrBytes: t.expose('stderrBytes', { type: 'ByteCount', description: 'Bytes written to standard error in all.' }),
    stdoutTruncated: t.boolean({
      complexity: PRICES.output.points,
      description: 'Whether more was written to standard output than is kept.',
      resolve: async ({ id, stdoutBytes }, _args, { load }) =>
        isTruncated(stdoutBytes, (await load.commandOutput(id))?.stdout ?? ''),
    }),
    stderrTruncated: t.boolean({
      complexity: PRICES.output.points,
      description: 'Whether more was written to standard error than is kept.',
      resolve: async ({ id, stderrBytes }, _args, { load }) =>
        isTruncated(stderrBytes, (await load.commandOutput(id))?.stderr ?? ''),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked for.' }),
    createdBy: t.field({
      type: Principal,
      nullable: true,
      description: CREATED_BY,
      resolve: principalOf,
    }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true, description: 'When the guest fetched it.' }),
    cancelRequestedAt: t.expose('cancelRequestedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When somebody asked for its end.',
    }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true, description: 'When it was over.' }),
    vm: t.field({
      type: Vm,
      nullable: true,
      description: 'Where it ran.',
      resolve: ({ vmId }, _args, { load }) => load.vm(vmId),
    }),
  }),
});

const CommandConnection = builder.connectionObject(
  { type: Command, name: 'CommandConnection' },
  { name: 'CommandEdge' },
);

builder.objectField(Vm, 'commands', (t) =>
  t.field({
    type: CommandConnection,
    description: 'Commands that were run in it, oldest first.',
    args: {
      status: t.arg({ type: CommandStatus, description: 'Only commands in this status.' }),
      first: t.arg.int({ description: FIRST_DESCRIPTION }),
      after: t.arg.string({ description: AFTER_DESCRIPTION }),
    },
    complexity: pageComplexity,
    resolve: ({ id }, { status, ...args }, { read }) =>
      pageByCreation(args, ({ where, ...slice }) =>
        read((db) =>
          db.command.findMany({ where: { vmId: id, ...(status != null && { status }), ...where }, ...slice }),
        ),
      ),
  }),
);

builder.queryField('command', (t) =>
  t.field({
    type: Command,
    nullable: true,
    description: 'One command, or null when there is none with this id.',
    args: { id: t.arg.id({ required: true, description: ID_DESCRIPTION }) },
    resolve: (_root, { id }, { load }) => load.command(idArg('Command', 'id', id)),
  }),
);

builder.subscriptionField('commandUpdated', (t) =>
  t.field({
    type: Command,
    description:
      'The command as it is, then as it is after each change, output too; ends when it is over. Changes that come fast are told as one.',
    args: { id: t.arg.id({ required: true, description: ID_DESCRIPTION }) },
    subscribe: async (_root, args, context) => {
      const id = idArg('Command', 'id', args.id);
      const found = await context.load.command(id);
      if (found === undefined) throw notFound(new NotFound('command', args.id));
      const isOver = async () => {
        const now = await context.read((db) => db.command.findUnique({ where: { id }, select: { status: true } }));
        return now === null || isCommandOver(now.status);
      };
      return changes(
        context,
        { vmId: found.vmId, kinds: ['COMMAND_STARTED', 'COMMAND_OUTPUT', 'COMMAND_CANCELLING', 'COMMAND_ENDED'] },
        [id],
        (event) => (event.data.commandId === id ? id : null),
        isOver,
      );
    },
    resolve: async (id, _args, { load }) => present(await load.command(id)),
  }),
);

mutation(runCommand, {
  payload: 'The command was taken.',
  enums: { transport: CommandTransport },
  fields: (t) => ({
    command: t.field({
      type: Command,
      description: 'Over, with its exit code and output, when it ended within `waitSeconds`; else see commandUpdated.',
      resolve: (command) => command,
    }),
  }),
});

mutation(cancelCommand, {
  payload: 'The command is to end.',
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
