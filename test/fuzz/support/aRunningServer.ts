import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import { type Db, openDatabase } from '../../../src/db/client.js';
import { type Deployment, getDeployment } from '../../../src/db/deployment.js';
import { type SimulatedServer, startSimulatedServer } from '../../support/simulatedServer.js';
import { until } from '../../support/until.js';
import { ANSWER_MS } from './fuzz.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

export interface RunningServer extends SimulatedServer {
  db: Db;
  deployment: Deployment;
  /** Of a VM that was handed out, of a spare, of a golden image and so on: ids that there are. */
  ids: readonly string[];
  /** Fails where the server is not as it was: ill, grown, or with a fault in its log. */
  expectUnharmed(): Promise<void>;
}

/** The whole server with simulated machines, which are quick, a golden image, a pool and somebody who has a VM. */
export async function aRunningServer(): Promise<RunningServer> {
  const server = await startSimulatedServer({ VAPIORC_ASSIGN_WAIT_SECONDS: '1' });
  const { url } = server;
  const db = openDatabase(server.databaseUrl);
  const post = async (path: string) =>
    (await fetch(`${url}${path}`, { method: 'POST' })).json() as Promise<Record<string, string>>;
  const { golden_id = '' } = await post('/api/vms/golden-images?vm_type=11');
  const vm = await until('a VM', async () => {
    const { instance_id } = await post('/api/vms/assign?assigned_to=somebody');
    return instance_id;
  });
  const [assignment, spare] = await Promise.all([
    db.assignment.findFirstOrThrow({ where: { vmId: vm } }),
    db.vm.findFirstOrThrow({ where: { assignedTo: null } }),
  ]);
  const nodeIds = [`Vm:${vm}`, `GoldenImage:${golden_id}`, `Assignment:${assignment.id}`, 'Pool:11', 'Pool:x'];
  const deployment = await getDeployment(db, 'simulated');
  collectGarbage();
  const heapBefore = process.memoryUsage().heapUsed;

  return {
    ...server,
    db,
    deployment,
    ids: [
      vm,
      spare.id,
      golden_id,
      assignment.id,
      crypto.randomUUID(),
      ...nodeIds.map((id) => Buffer.from(id).toString('base64')),
    ],
    async expectUnharmed() {
      const health = (await (
        await fetch(`${url}/health`, { signal: AbortSignal.timeout(ANSWER_MS) })
      ).json()) as object;
      expect(health).toMatchObject({ status: expect.stringMatching(/^(OK|healthy)$/i) });
      expect(server.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
      collectGarbage();
      expect((process.memoryUsage().heapUsed - heapBefore) / 2 ** 20).toBeLessThan(150);
      expect(process.getActiveResourcesInfo().length).toBeLessThan(200);
    },
    async close() {
      await db.$disconnect();
      await server.close();
    },
  };
}
