import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import * as api from './support/api.js';
import { aDeployment, type Deployment, docker } from './support/deployment.js';

let deployment: Deployment | undefined;
let database: TestDatabase | undefined;
afterEach(async () => {
  await deployment?.remove();
  await database?.drop();
});

test('many who ask for its health at once make the server look once or twice, not once for each', {
  timeout: 90_000,
}, async () => {
  database = await createTestDatabase();
  deployment = await aDeployment({ DATABASE_URL: database.url });
  const socket = join(deployment.folder, 'counted.sock');
  let asked = 0;
  const engine = createServer((near) => {
    const far = connect('/var/run/docker.sock');
    near.on('data', (bytes) => {
      asked += bytes.toString('latin1').match(/^GET (?:\/v[\d.]+)?\/version /gm)?.length ?? 0;
    });
    near.pipe(far).pipe(near);
    for (const end of [near, far]) end.on('error', () => near.destroy());
  }).listen(socket);
  await once(engine, 'listening');
  const server = deployment.launch({ VAPIORC_DOCKER_SOCKET: socket });
  await server.banner();

  asked = 0;
  const answers = await Promise.all(Array.from({ length: 100 }, () => api.health(server)));
  expect(answers.map(({ body }) => body.provisioner.status)).toEqual(Array(100).fill('ok'));
  expect(asked).toBeGreaterThan(0);
  expect(asked).toBeLessThan(20);
  await server.stop();
  engine.close();
});

test('no installation is sent to the gateway of the VMs’ network for its medium', { timeout: 90_000 }, async () => {
  database = await createTestDatabase();
  deployment = await aDeployment({ DATABASE_URL: database.url });
  const server = await deployment.start();
  const { IPAM } = await docker.getNetwork(deployment.network).inspect();
  const isoUrl = `http://${IPAM?.Config?.[0]?.Gateway}/w.iso`;

  expect(await api.tryCreateImage(server, { isoUrl })).toMatchObject({
    __typename: 'InvalidInput',
    fix: expect.stringContaining('network of the VMs'),
  });
  await server.stop();
});
