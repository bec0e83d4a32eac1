/** What the OpenAPI document says of commands. Ranges are checked by the actions, once, for every API. */
import { z } from '@hono/zod-openapi';
import { runCommand } from '../../actions/command/runCommand.js';
import type { CommandOutput, Command as CommandRow } from '../../db/commands.js';
import { COMMAND_STATUSES, COMMAND_TRANSPORTS, isTruncated } from '../../domain/command.js';
import { LIMITS } from '../../domain/limits.js';
import { Time } from '../parameters.js';
import { bodyOf } from '../verbs.js';

const kept = `What it wrote so far; the first ${LIMITS.commandOutputBytes.value / 1024} KiB.`;

export const CommandId = z.object({ command_id: z.string().openapi({ param: { name: 'command_id', in: 'path' } }) });

export const NewCommand = bodyOf(runCommand, ['vmId', 'assignedTo']).openapi('NewCommand');

export const CommandSummary = z
  .object({
    command_id: z.string(),
    instance_id: z.string(),
    command: z.string(),
    working_directory: z.string().nullable(),
    timeout_seconds: z.int(),
    transport: z.enum(COMMAND_TRANSPORTS),
    status: z.enum(COMMAND_STATUSES),
    exit_code: z.int().nullable().openapi({ description: 'Signed, as Windows has it; null until it EXITED.' }),
    reason: z.string().nullable().openapi({ description: 'Why it timed out, was cancelled or failed.' }),
    stdout_bytes: z.int().openapi({ description: 'Bytes written to standard output in all.' }),
    stderr_bytes: z.int(),
    created_at: Time,
    started_at: Time.nullable(),
    ended_at: Time.nullable(),
  })
  .openapi('CommandSummary');

export const CommandDetails = CommandSummary.extend({
  stdout: z.string().openapi({ description: kept }),
  stderr: z.string().openapi({ description: kept }),
  stdout_truncated: z.boolean().openapi({ description: 'Whether more was written than is in stdout.' }),
  stderr_truncated: z.boolean(),
}).openapi('Command');

export const CommandList = z
  .object({
    commands: z.array(CommandSummary),
    next: z.string().nullable().openapi({ description: 'Give it as `before` for older ones; null: there are none.' }),
  })
  .openapi('CommandList');

export function commandSummary(row: CommandRow): z.infer<typeof CommandSummary> {
  return {
    command_id: row.id,
    instance_id: row.vmId,
    command: row.command,
    working_directory: row.workingDirectory,
    timeout_seconds: row.timeoutSeconds,
    transport: row.transport,
    status: row.status,
    exit_code: row.exitCode,
    reason: row.reason,
    stdout_bytes: Number(row.stdoutBytes),
    stderr_bytes: Number(row.stderrBytes),
    created_at: row.createdAt.toISOString(),
    started_at: row.startedAt?.toISOString() ?? null,
    ended_at: row.endedAt?.toISOString() ?? null,
  };
}

export function commandDetails(row: CommandRow, output: CommandOutput | undefined): z.infer<typeof CommandDetails> {
  return {
    ...commandSummary(row),
    stdout: output?.stdout ?? '',
    stderr: output?.stderr ?? '',
    stdout_truncated: isTruncated(row.stdoutBytes, output?.stdout ?? ''),
    stderr_truncated: isTruncated(row.stderrBytes, output?.stderr ?? ''),
  };
}
