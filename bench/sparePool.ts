import { setTimeout as sleep } from 'node:timers/promises';
import type { GraphqlClient } from './graphqlClient.js';
import { VM_TYPE } from './seed.js';

/** For a server that is to hold 1,000 simulated VMs, which is what a port range can span. */
export const THOUSAND_VMS = {
  VAPIORC_PORT_START: '20000',
  VAPIORC_PORT_END: '20999',
  VAPIORC_HOT_SPARES: '0',
  VAPIORC_MAX_VMS: '1000',
  VAPIORC_SIMULATED_CREATE_MS: '1',
  VAPIORC_SIMULATED_BOOT_MS: '5',
  VAPIORC_SIMULATED_INSTALL_MS: '5',
};

const LIMIT_MS = 120_000;
/** Asked for in steps: preparing is not what is measured. */
const STEP = 100;

type Pool = { currentGoldenImage: object | null; counts: { readySpares: number } } | null;

/** Has a golden image installed and `count` spares booted, by the API. Answers how many milliseconds the spares took. */
export async function bootSpares({ ask }: GraphqlClient, count: number): Promise<number> {
  const vmType = VM_TYPE;
  await ask(
    'mutation($vmType: String!) { createGoldenImage(input: { vmType: $vmType }) { ... on CreateGoldenImagePayload { __typename } } }',
    { vmType },
  );
  const query =
    'query($vmType: String!) { pool(vmType: $vmType) { currentGoldenImage { id } counts { readySpares } } }';
  const pool = async () => (await ask<{ pool: Pool }>(query, { vmType })).pool;
  await until('a golden image', async () => (await pool())?.currentGoldenImage != null);
  const begun = performance.now();
  for (let hotSpares = STEP; hotSpares <= count; hotSpares += STEP) {
    await ask('mutation($input: SetPoolInput!) { setPool(input: $input) { ... on SetPoolPayload { __typename } } }', {
      input: { vmType, hotSpares, maxVms: 1000 },
    });
    await until(`${hotSpares} ready spares`, async () => (await pool())?.counts.readySpares === hotSpares);
  }
  return performance.now() - begun;
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + LIMIT_MS; !(await isSo()); await sleep(50)) {
    if (Date.now() > end) throw new Error(`not within ${LIMIT_MS} ms: ${what}`);
  }
}
