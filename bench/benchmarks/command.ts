import { setTimeout as sleep } from 'node:timers/promises';
import type { Benchmark } from '../benchmark.js';
import { startDockerServer } from '../dockerServer.js';
import { figures, overRounds, ratioOf } from '../figures.js';
import { createGraphqlClient, type GraphqlClient } from '../graphqlClient.js';
import { startBareGuest } from '../guest/bareGuest.js';

const ROUNDS = 3;
const EACH = 25;
const WARM_UP = 5;
/** After a result the guest, on an emulated processor, needs a moment until its next poll is held. */
const REST_MS = 300;
const COMMAND = 'echo hello';

const RUN = `mutation($input: RunCommandInput!) { runCommand(input: $input) { __typename
  ... on Refusal { message } ... on RunCommandPayload { command { status exitCode stdout } } } }`;

type Ran = { runCommand: { command?: { status: string; exitCode: number | null; stdout: string } } };

/** A command from the caller into the guest and back, against the same agent on a long poll that does nothing else. */
export const command: Benchmark = {
  name: 'command',
  async run(kit) {
    const { server, vm, golden, stop } = await startDockerServer(kit, 'command', 'qemu');
    const client = createGraphqlClient(server.url);
    kit.say('booting the guest of the bare long poll');
    const bare = await startBareGuest(kit, golden);
    const ways = {
      api: () => byApi(client, vm.id),
      bare: async () => {
        await bare.polled();
        return bare.run(COMMAND);
      },
    };
    const times = { api: [] as number[][], bare: [] as number[][] };
    for (let round = -1; round < ROUNDS; round++) {
      times.api.push([]);
      times.bare.push([]);
      for (let n = 0; n < (round < 0 ? WARM_UP : EACH); n++) {
        for (const way of n % 2 === 0 ? (['api', 'bare'] as const) : (['bare', 'api'] as const)) {
          await sleep(REST_MS);
          times[way].at(-1)?.push(await ways[way]());
        }
      }
      const medians = [times.api, times.bare].map((of) => figures(of.at(-1) ?? []).p50.toFixed(0));
      kit.say(`round ${round + 1} of ${ROUNDS}: ${medians.join(' against ')} ms`);
      // The first round warms up.
      if (round < 0) times.api.length = times.bare.length = 0;
    }
    client.close();
    await bare.stop();
    await stop();
    const ratio = ratioOf(times.api, times.bare);
    return [
      {
        name: 'command',
        what: `runCommand(${JSON.stringify(COMMAND)}) over HTTP until it is EXITED with its output, in an emulated QEMU guest`,
        unit: 'ms',
        measured: overRounds(times.api),
        limit: {
          what: 'the same agent and command in a guest of a bare HTTP server: order into the held poll until the result',
          ...overRounds(times.bare),
        },
        ratio,
        target: 'ratio <= 2',
        met: ratio <= 2,
      },
    ];
  },
};

async function byApi({ ask }: GraphqlClient, vmId: string): Promise<number> {
  const begun = performance.now();
  const { runCommand } = await ask<Ran>(RUN, { input: { vmId, command: COMMAND, waitSeconds: 25 } });
  const ms = performance.now() - begun;
  const { status, exitCode, stdout } = runCommand.command ?? {};
  if (status !== 'EXITED' || exitCode !== 0 || stdout?.trim() !== 'hello')
    throw new Error(`the command did not run well: ${JSON.stringify(runCommand)}`);
  return ms;
}
