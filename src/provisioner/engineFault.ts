import { Late } from '../domain/deadline.js';
import { CapacityExhausted, Unavailable } from '../domain/errors.js';
import { EngineLate, statusOf } from './engine.js';
import { PortTaken } from './provisioner.js';

interface Asked {
  socket: string;
  image?: string;
  port?: number;
}

/**
 * A fault of the engine in our words, or undefined when it is none that we know. The engine's own words are the only
 * thing to go by: it answers 500 to most of these.
 */
export function engineFault(fault: unknown, asked: Asked): Unavailable | CapacityExhausted | PortTaken | undefined {
  if (!(fault instanceof Error)) return undefined;
  const words = fault.message.trim().slice(0, 600);
  if (fault instanceof EngineLate || fault instanceof Late)
    return new Unavailable(
      'docker',
      `the Docker Engine at ${asked.socket} does not answer: ${words}`,
      'Look at the logs of Docker, and at what it waits for: a disk, a registry, a container that does not end.',
    );
  if (statusOf(fault) === undefined) return connectionFault(fault, words, asked);

  if (/port is already allocated|address already in use|ports are not available/i.test(words)) {
    return asked.port === undefined ? undefined : new PortTaken(asked.port);
  }
  if (/no space left on device|disk quota exceeded/i.test(words)) {
    return new CapacityExhausted('disk', `the Docker host's disk is full: ${words}`, 'Free space on the Docker host.');
  }
  if (/\/dev\/kvm/.test(words)) {
    return new Unavailable(
      'kvm',
      'the Docker host has no /dev/kvm',
      'Enable virtualization (VT-x or AMD-V; on a virtual machine: nested virtualization) and load the kvm module, or set VAPIORC_KVM=off to run without it, slowly.',
    );
  }
  if (/\/dev\/net\/tun/.test(words)) {
    return new Unavailable('network', 'the Docker host has no /dev/net/tun', 'Load the kernel module: modprobe tun.');
  }
  if (/bind source path does not exist/i.test(words)) {
    return new Unavailable(
      'storage',
      `the Docker host does not have this path: ${words}`,
      'Set VAPIORC_HOST_STORAGE_PATH to the storage folder as the Docker host sees it.',
    );
  }
  if (/cannot assign requested address/i.test(words)) {
    return new Unavailable(
      'network',
      `ports can not be published: ${words}`,
      'Set VAPIORC_PUBLISH_ADDRESS to an address of the Docker host.',
    );
  }
  if (/address pools?\b/i.test(words)) {
    return new Unavailable(
      'network',
      `Docker has no addresses left: ${words}`,
      'Remove networks that nobody uses: docker network prune.',
    );
  }
  if (
    /no such image|manifest.*(unknown|not found)|pull access denied|repository does not exist|invalid reference format/i.test(
      words,
    )
  ) {
    return new Unavailable(
      'image',
      `there is no container image ${asked.image ?? ''}: ${words}`,
      'Check VAPIORC_IMAGE, or pull or load the image.',
    );
  }
  if (/registry|dial tcp|TLS handshake|lookup .* on|i\/o timeout|toomanyrequests|unauthorized/i.test(words)) {
    return new Unavailable(
      'image',
      `the container image ${asked.image ?? ''} can not be pulled: ${words}`,
      'Check the way to the registry, or load the image on the Docker host.',
    );
  }
  if (/container name .* is already in use/i.test(words)) {
    return new Unavailable(
      'docker',
      `somebody else's container has our name: ${words}`,
      'Remove or rename that container.',
    );
  }
  return undefined;
}

function connectionFault(fault: Error, words: string, { socket }: Asked): Unavailable | undefined {
  const code = 'code' in fault ? fault.code : undefined;
  const connecting = 'syscall' in fault && fault.syscall === 'connect';
  if (connecting && (code === 'EACCES' || code === 'EPERM')) {
    return new Unavailable(
      'docker',
      `no permission on the Docker socket ${socket}`,
      'Add the user that runs vapiorc to the group docker and log in anew.',
    );
  }
  if (connecting) {
    return new Unavailable(
      'docker',
      `the Docker Engine does not answer at ${socket} (${String(code)})`,
      'Start Docker, or set VAPIORC_DOCKER_SOCKET.',
    );
  }
  if (code === 'ECONNRESET' || code === 'EPIPE' || /socket hang up/.test(words)) {
    return new Unavailable(
      'docker',
      `the Docker Engine at ${socket} broke off or did not answer in time`,
      'Look at the logs of Docker.',
    );
  }
  return undefined;
}
