import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Config } from './config.js';
import type { Logger } from './log.js';
import { createDockerProvisioner, type DockerProvisioner } from './provisioner/docker.js';
import type { Provisioner } from './provisioner/provisioner.js';
import { createSimulatedProvisioner } from './provisioner/simulated.js';
import { createStorage } from './storage/storage.js';

/** How what simulated guests say is heard. */
export interface GuestWords {
  onReady: (vmId: string) => Promise<unknown>;
  onInstalled: (imageId: string) => Promise<unknown>;
  onSeen: (vmId: string) => void;
}

const GUEST_RETRY_MS = 1_000;

/** What makes machines here, as configured, and how to find the network that their guests call in from; simulated ones have none. */
export function openProvisioner(
  config: Config,
  deployment: string,
  log: Logger,
  mayBeNew: () => Promise<boolean>,
  { onReady, onInstalled, onSeen }: GuestWords,
): { provisioner: Provisioner; network?: DockerProvisioner['guestNetwork'] } {
  if (config.provisioner === 'simulated')
    return {
      provisioner: createSimulatedProvisioner({
        ...config.simulated,
        onReady: (vmId) => void insist(() => onReady(vmId)),
        onInstalled: (imageId) => void insist(() => onInstalled(imageId)),
        onSeen,
        seenEveryMs: config.unheardMs / 9,
        hostPorts: { ports: config.ports, publicHost: config.publicHost },
      }),
    };
  const oemPath = fileURLToPath(new URL('../oem', import.meta.url));
  const storage = createStorage({ path: config.storagePath, deployment, oemPath, mayBeNew, log });
  // The name under which the Docker host answers in a guest of the image's own NAT network.
  const guestUrl = `http://system.lan:${config.guestPort}`;
  const provisioner = createDockerProvisioner({ settings: config, deployment, storage, guestUrl, log });
  return { provisioner, network: () => provisioner.guestNetwork() };
}

/** A simulated guest tries again until it is heard, as the real one's agent does. */
async function insist(report: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await report();
      return;
    } catch {
      await sleep(GUEST_RETRY_MS, undefined, { ref: false });
    }
  }
}
