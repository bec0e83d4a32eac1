import { expect } from 'vitest';
import { until } from '../../support/until.js';
import { type Api, ask } from './api.js';

export interface Command {
  id: string;
  commandId: string;
  status: string;
  exitCode: number | null;
  stdout: string;
  stderr: string;
  reason: string | null;
}

/** What is asked of each command. */
export const COMMAND = 'id commandId status exitCode stdout stderr reason';

/** Has a command run, and waits for its end unless `input` says otherwise. */
export async function runCommand(api: Api, vmId: string, command: string, input: object = {}): Promise<Command> {
  const query = `mutation($input: RunCommandInput!) { result: runCommand(input: $input) {
    __typename ... on Refusal { message } ... on RunCommandPayload { command { ${COMMAND} } } } }`;
  const { result } = await ask<{ result: { command: Command } }>(api, query, {
    input: { vmId, command, waitSeconds: 25, ...input },
  });
  expect(result).toMatchObject({ __typename: 'RunCommandPayload' });
  return result.command;
}

/** Waits until a command is as it should be. */
export function commandIs(api: Api, id: string, fits: (command: Command) => boolean, limitMs = 60_000) {
  const query = `query($id: ID!) { command(id: $id) { ${COMMAND} } }`;
  return until(
    `command ${id} is as awaited`,
    async () => {
      const { command } = await ask<{ command: Command }>(api, query, { id });
      return fits(command) && command;
    },
    limitMs,
  );
}
