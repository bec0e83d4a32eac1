import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { until } from '../support/until.js';
import * as api from './support/api.js';
import { aDeployment, type Deployment } from './support/deployment.js';
import { shutsDownSlowly } from './support/standIns.js';

let deployment: Deployment | undefined;
afterEach(() => deployment?.remove());

test('killed in the middle of sealing, while the guest shuts down and again right after, the next server seals it: no manual step, nothing left', {
  timeout: 180_000,
}, async () => {
  deployment = await aDeployment({ VAPIORC_IMAGE: await shutsDownSlowly(), VAPIORC_HOT_SPARES: '1' });
  let server = await deployment.start();
  const { id, imageId } = await api.createImage(server);
  await until('it is being sealed', async () => (await api.getImage(server, id)).status === 'SEALING', 60_000);
  for (let kills = 0; kills < 2; kills++) {
    await server.kill();
    server = await deployment.start();
  }

  await api.imageReady(server, id);
  await api.sparesReady(server, 1);

  expect(await readdir(join(deployment.storage, 'golden'))).toEqual([imageId]);
  expect(await readdir(join(deployment.storage, 'installs'))).toEqual([]);
  expect((await deployment.containers()).filter((name) => name.startsWith('vapiorc_golden_'))).toEqual([]);
  await server.stop();
});
