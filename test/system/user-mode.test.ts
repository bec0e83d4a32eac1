import { afterEach, expect, test } from 'vitest';
import * as api from './support/api.js';
import { aDeployment, type Deployment, docker } from './support/deployment.js';
import { followEvents } from './support/follow.js';
import { QEMU, STUB } from './support/standIns.js';

let deployment: Deployment | undefined;
afterEach(() => deployment?.remove());

test.each([
  ['stub', STUB, 60_000],
  ['QEMU', QEMU, 200_000], // it emulates the processor here
])(
  'without NAT, a %s VM becomes READY by its agent’s own word',
  { timeout: 450_000 },
  async (_name, image, limitMs) => {
    deployment = await aDeployment({
      VAPIORC_IMAGE: image,
      VAPIORC_NETWORK_MODE: 'user',
      VAPIORC_READINESS: 'agent',
      VAPIORC_HOT_SPARES: '1',
    });
    const server = await deployment.start();
    const events = await followEvents(server);

    const { id, imageId } = await api.createImage(server);
    await api.imageReady(server, id, limitMs);
    const [spare] = await api.sparesReady(server, 1, limitMs);

    const by = (kind: string, what: 'vmId' | 'goldenImageId', which: string | undefined) =>
      events.until(`${kind} is told`, (event) => event.kind === kind && event[what] === which);
    expect((await by('GOLDEN_IMAGE_SEALING', 'goldenImageId', imageId)).actor).toBe('guest');
    expect((await by('VM_READY', 'vmId', spare?.instanceId)).actor).toBe('guest');
    const { HostConfig } = await docker.getContainer(spare?.containerId ?? '').inspect();
    expect((HostConfig.CapAdd ?? []).filter((name: string) => name.endsWith('NET_ADMIN'))).toEqual([]);
    expect(HostConfig.Devices ?? []).toEqual([]);
    const { guests } = (await api.health(server)).body;
    expect(guests.status).toBe('ok');
    expect(guests.message).toMatch(/^guests in user-mode networking call in at \S+:\d+$/);
    await events.stop();
    await server.stop();
  },
);
