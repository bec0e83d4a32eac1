import { fileURLToPath } from 'node:url';
import type { Config } from './config.js';
import type { Logger } from './log.js';
import { createDockerProvisioner, type DockerProvisioner } from './provisioner/docker.js';
import type { Provisioner } from './provisioner/provisioner.js';
import { createSimulatedProvisioner, type SimulatedOptions } from './provisioner/simulated.js';
import { createStorage } from './storage/storage.js';

/** What makes machines here, as configured, and how to find the network that their guests call in from; simulated ones have none. */
export function openProvisioner(
  config: Config,
  deployment: string,
  log: Logger,
  mayBeNew: () => Promise<boolean>,
  guest: Pick<SimulatedOptions, 'onReady' | 'onInstalled' | 'onSeen'>,
): { provisioner: Provisioner; network?: DockerProvisioner['guestNetwork'] } {
  if (config.provisioner === 'simulated')
    return {
      provisioner: createSimulatedProvisioner({ ...config.simulated, ...guest, seenEveryMs: config.unheardMs / 9 }),
    };
  const oemPath = fileURLToPath(new URL('../oem', import.meta.url));
  const storage = createStorage({ path: config.storagePath, deployment, oemPath, mayBeNew, log });
  // The name under which the Docker host answers in a guest of the image's own NAT network.
  const guestUrl = `http://system.lan:${config.guestPort}`;
  const provisioner = createDockerProvisioner({ settings: config, deployment, storage, guestUrl, log });
  return { provisioner, network: () => provisioner.guestNetwork() };
}
