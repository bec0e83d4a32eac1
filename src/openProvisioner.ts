import { fileURLToPath } from 'node:url';
import type { Config } from './config.js';
import type { Logger } from './log.js';
import { createDockerProvisioner } from './provisioner/docker/docker.js';
import type { Provisioner } from './provisioner/provisioner.js';
import { createSimulatedProvisioner } from './provisioner/simulated/simulated.js';
import { SimulatedGuests } from './provisioner/simulated/simulatedGuests.js';
import { createStorage } from './storage/storage.js';

/** How simulated guests are heard: their calls, and that they live, for which they do not call. */
export interface GuestWords {
  answer: (request: Request) => Promise<Response>;
  onSeen: (vmId: string) => void;
}

/** What makes machines here, as configured. The guests of simulated ones are in this process. */
export function openProvisioner(
  config: Config,
  deployment: string,
  log: Logger,
  mayBeNew: () => Promise<boolean>,
  { answer, onSeen }: GuestWords,
): { provisioner: Provisioner; simulated?: SimulatedGuests } {
  if (config.provisioner === 'simulated') {
    const guests = new SimulatedGuests(async (call, token, body) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'text/plain' };
      const request = new Request(`http://simulated/guest/v1/${call}`, { method: 'POST', headers, body });
      const said = await answer(request);
      return { status: said.status, text: await said.text() };
    });
    const provisioner = createSimulatedProvisioner({
      ...config.simulated,
      onReady: (_vmId, spec) => guests.started(spec),
      onInstalled: (_imageId, spec) => guests.installed(spec),
      onEnded: (vmId) => guests.ended(vmId),
      onSeen,
      seenEveryMs: config.unheardMs / 9,
      hostPorts: { ports: config.ports, publicHost: config.publicHost },
    });
    return { provisioner, simulated: guests };
  }
  const oemPath = fileURLToPath(new URL('../oem', import.meta.url));
  const storage = createStorage({ path: config.storagePath, deployment, oemPath, mayBeNew, log });
  return { provisioner: createDockerProvisioner({ settings: config, deployment, storage, log }) };
}
