import { afterEach, expect, test } from 'vitest';
import { buildVariant } from '../standin/buildStandIns.js';
import * as api from './support/api.js';
import { aDeployment, type Deployment } from './support/deployment.js';

let deployment: Deployment | undefined;
afterEach(() => deployment?.remove());

interface Spare {
  instanceId: string;
  notReady: string | null;
  guest: { computerName: string; clockSkewMs: number; starts: number };
}

interface Happened {
  kind: string;
  reason: string | null;
}

const SPARES =
  '{ vms(status: READY, hotSpare: true) { nodes { instanceId notReady guest { computerName clockSkewMs starts } } } }';
const EVENTS = 'query($vmId: ID!) { events(vmId: $vmId, first: 100) { nodes { kind reason } } }';

test('spares whose clocks are wrong and whose names are one are READY once each has been set right, and say what it was', {
  timeout: 180_000,
}, async () => {
  const image = await buildVariant('stub', 'ahead-and-alike', {
    STANDIN_CLOCK_SKEW_SECONDS: '3600',
    STANDIN_COMPUTER: 'ALIKE',
  });
  deployment = await aDeployment({ VAPIORC_IMAGE: image });
  const server = await deployment.start();
  await api.setPool(server, { hotSpares: 2, uniqueComputerNames: true });
  const { id } = await api.createImage(server);
  await api.imageReady(server, id);
  await api.sparesReady(server, 2);

  const { nodes } = (await api.ask<{ vms: { nodes: Spare[] } }>(server, SPARES)).vms;
  const names = nodes.map(({ guest }) => guest.computerName);
  expect(new Set(names).size).toBe(2);
  for (const { instanceId: vmId, notReady, guest } of nodes) {
    const { events } = await api.ask<{ events: { nodes: Happened[] } }>(server, EVENTS, { vmId });
    expect(notReady).toBeNull();
    expect(Math.abs(guest.clockSkewMs)).toBeLessThan(30_000);
    const reasons = events.nodes.flatMap(({ kind, reason }) => (kind === 'VM_NOT_READY' ? [reason] : []));
    expect(reasons[0]).toMatch(/^its clock is 3[56]\d\d s ahead; it was told to set it$/);
    const renamed = guest.computerName !== 'ALIKE';
    expect(reasons.filter((reason) => reason?.startsWith('its computer name "ALIKE" is also that of'))).toHaveLength(
      renamed ? 1 : 0,
    );
    expect(guest.starts).toBe(renamed ? 2 : 1);
    expect(events.nodes.at(-1)).toMatchObject({ kind: 'VM_READY' });
  }
  await server.stop();
});
