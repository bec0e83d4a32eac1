import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { cancelCommand } from '../../actions/command/cancelCommand.js';
import { runCommand } from '../../actions/command/runCommand.js';
import { waitForCommand } from '../../actions/command/waitForCommand.js';
import { checked, uuidOf, wholeNumberOf } from '../../actions/input.js';
import { unwrap } from '../../answers/refusals.js';
import { jsonRequest, ok, refusals } from '../../answers/responses.js';
import { type Command, commandsOfVm, getCommand, outputOf } from '../../db/commands.js';
import type { Read } from '../../db/reads.js';
import { getVm } from '../../db/vms.js';
import { InvalidInput, NotFound } from '../../domain/errors.js';
import { shown } from '../../domain/limit.js';
import { LIMITS } from '../../domain/limits.js';
import { actionContext } from '../actionContext.js';
import { InstanceId, text, wholeNumber } from '../parameters.js';
import { run } from '../verbs.js';
import {
  CommandDetails,
  CommandId,
  CommandList,
  commandDetails,
  commandSummary,
  NewCommand,
} from './commandSchemas.js';

const tags = ['commands'];

const start = createRoute({
  method: 'post',
  path: '/api/vms/instances/{instance_id}/commands',
  tags,
  summary: 'Run a command in a VM',
  description: 'Up to 8 run at the same time in one VM, the others wait their turn. `wait_seconds` waits for the end.',
  request: {
    params: InstanceId,
    query: z.object({ assigned_to: text('Refuse when the VM is not assigned to just this.').optional() }),
    body: jsonRequest(NewCommand),
  },
  responses: { 200: ok('The command as it is now.', CommandDetails), ...refusals(404, 409, 422, 503) },
});

const list = createRoute({
  method: 'get',
  path: '/api/vms/instances/{instance_id}/commands',
  tags,
  summary: 'Commands that were run in a VM, newest first',
  request: {
    params: InstanceId,
    query: z.object({
      limit: wholeNumber(`How many, 1 to ${LIMITS.pageItems.value}; 50 unless given.`).optional(),
      before: text('`next` of the list before.').optional(),
    }),
  },
  responses: { 200: ok('The commands, without their output.', CommandList), ...refusals(404, 422) },
});

const show = createRoute({
  method: 'get',
  path: '/api/commands/{command_id}',
  tags,
  summary: 'A command, with its output so far',
  request: {
    params: CommandId,
    query: z.object({
      wait_seconds: wholeNumber(`How long to wait for its end, 0 to ${shown(LIMITS.waitSeconds)}; else 0.`).optional(),
    }),
  },
  responses: { 200: ok('The command.', CommandDetails), ...refusals(404, 422) },
});

const cancel = createRoute({
  method: 'post',
  path: '/api/commands/{command_id}/cancel',
  tags,
  summary: 'End a command with all its children, or take it out of the queue',
  request: { params: CommandId },
  responses: { 200: ok('The command; one that runs is ended by the guest.', CommandDetails), ...refusals(404, 422) },
});

export function addCommandRoutes(app: OpenAPIHono): void {
  const details = async (read: Read, command: Command) =>
    commandDetails(command, (await read((db) => outputOf(db, [command.id]))).get(command.id));
  const checkWait = (seconds: number | undefined) =>
    unwrap(checked(() => wholeNumberOf('wait_seconds', seconds ?? 0, 0, LIMITS.waitSeconds.value)));

  app.openapi(start, async (c) => {
    const given = { ...c.req.valid('param'), ...c.req.valid('query'), ...c.req.valid('json') };
    const command = await run(c, runCommand, given);
    return c.json(await details(actionContext(c).read, command), 200);
  });

  app.openapi(list, async (c) => {
    const { read } = actionContext(c);
    const { limit = 50, before } = c.req.valid('query');
    unwrap(checked(() => wholeNumberOf('limit', limit, 1, LIMITS.pageItems.value)));
    const vmId = unwrap(checked(() => uuidOf('instance_id', c.req.valid('param').instance_id)));
    if ((await read((db) => getVm(db, vmId))) === null) throw new NotFound('VM', vmId);
    const last = before === undefined ? undefined : await commandOfVm(read, vmId, before);
    const rows = await read((db) => commandsOfVm(db, vmId, { limit: limit + 1, ...(last && { before: last }) }));
    const page = rows.slice(0, limit);
    const next = rows.length > limit ? (page.at(-1)?.id ?? null) : null;
    return c.json({ commands: page.map(commandSummary), next }, 200);
  });

  async function commandOfVm(read: Read, vmId: string, given: string): Promise<Command> {
    const id = checked(() => uuidOf('before', given));
    const found = id instanceof Error ? null : await read((db) => getCommand(db, id));
    if (found?.vmId !== vmId) throw new InvalidInput('before', given, 'Give `next` of a list of this VM.');
    return found;
  }

  app.openapi(show, async (c) => {
    const given = c.req.valid('param').command_id;
    const { wait_seconds: seconds = 0 } = c.req.valid('query');
    checkWait(seconds);
    const context = actionContext(c);
    const { read } = context;
    const id = unwrap(checked(() => uuidOf('command_id', given)));
    const command = await read((db) => getCommand(db, id));
    if (command === null) throw new NotFound('command', given);
    return c.json(await details(read, await waitForCommand(context, command, seconds * 1000)), 200);
  });

  app.openapi(cancel, async (c) => {
    const { command } = await run(c, cancelCommand, c.req.valid('param'));
    return c.json(await details(actionContext(c).read, command), 200);
  });
}
