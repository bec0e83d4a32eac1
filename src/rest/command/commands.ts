import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { cancelCommand } from '../../actions/command/cancelCommand.js';
import { AT_ONCE, runCommand } from '../../actions/command/runCommand.js';
import { waitForCommand } from '../../actions/command/waitForCommand.js';
import { idOf, PAGE_ITEMS, uuid, waitSeconds, wholeNumber } from '../../actions/fields.js';
import { readInput } from '../../actions/readInput.js';
import { jsonRequest, ok, refusals } from '../../answers/responses.js';
import { type Command, commandsOfVm, getCommand, outputOf } from '../../db/commands.js';
import type { Read } from '../../db/reads.js';
import { getVm } from '../../db/vms.js';
import { InvalidInput, NotFound } from '../../domain/errors.js';
import { LIMITS } from '../../domain/limits.js';
import { actionContext } from '../actionContext.js';
import { InstanceId } from '../parameters.js';
import { asked, parametersOf, run } from '../verbs.js';
import { Holder } from '../vm/heldVm.js';
import {
  CommandDetails,
  CommandId,
  CommandList,
  commandDetails,
  commandSummary,
  NewCommand,
} from './commandSchemas.js';

const tags = ['commands'];

const NEXT = 'Give `next` of a list of this VM.';
export const LISTED = readInput('GET /api/vms/instances/{instance_id}/commands', {
  vmId: idOf('Vm'),
  limit: wholeNumber(1, LIMITS.pageItems.value).default(PAGE_ITEMS).describe('How many.'),
  before: uuid(NEXT).optional().describe('`next` of the list before.'),
});
export const SHOWN = readInput('GET /api/commands/{command_id}', {
  id: idOf('Command'),
  waitSeconds: waitSeconds('How long to wait for its end'),
});

const start = createRoute({
  method: 'post',
  path: '/api/vms/instances/{instance_id}/commands',
  tags,
  summary: 'Run a command in a VM',
  description: `${AT_ONCE} \`wait_seconds\` waits for the end.`,
  request: {
    params: InstanceId,
    query: Holder,
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
    query: parametersOf(LISTED, ['vmId']),
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
    query: parametersOf(SHOWN, ['id']),
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

  app.openapi(start, async (c) => {
    const given = { ...c.req.valid('param'), ...c.req.valid('query'), ...c.req.valid('json') };
    const command = await run(c, runCommand, given);
    return c.json(await details(actionContext(c).read, command), 200);
  });

  app.openapi(list, async (c) => {
    const { read } = actionContext(c);
    const { vmId, limit, before } = asked(c, LISTED);
    if ((await read((db) => getVm(db, vmId))) === null) throw new NotFound('VM', vmId);
    const last = before === undefined ? undefined : await read((db) => getCommand(db, before));
    if (before !== undefined && last?.vmId !== vmId) throw new InvalidInput('before', before, NEXT);
    const rows = await read((db) => commandsOfVm(db, vmId, { limit: limit + 1, ...(last && { before: last }) }));
    const page = rows.slice(0, limit);
    const next = rows.length > limit ? (page.at(-1)?.id ?? null) : null;
    return c.json({ commands: page.map(commandSummary), next }, 200);
  });

  app.openapi(show, async (c) => {
    const context = actionContext(c);
    const { read } = context;
    const { id, waitSeconds } = asked(c, SHOWN);
    const command = await read((db) => getCommand(db, id));
    if (command === null) throw new NotFound('command', id);
    return c.json(await details(read, await waitForCommand(context, command, waitSeconds * 1000)), 200);
  });

  app.openapi(cancel, async (c) => {
    const { command } = await run(c, cancelCommand, c.req.valid('param'));
    return c.json(await details(actionContext(c).read, command), 200);
  });
}
