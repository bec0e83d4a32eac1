import { problemsOf } from '../../../domain/check.js';
import { CapacityExhausted, Unavailable } from '../../../domain/errors.js';
import { Late } from '../../../primitives/deadline.js';
import { shorten } from '../../../primitives/shorten.js';
import { UNPRINTABLE } from '../../../primitives/unprintable.js';
import type { EndpointTaken } from '../../provisioner.js';
import { portTaken } from '../refuseTakenPort.js';
import { EngineLate, statusOf } from './engine.js';
import { refusalOf } from './refusalOf.js';
import { SOCKET_CHECKS } from './socketChecks.js';
import { socketFacts } from './socketFacts.js';

/** UTF-16 units of the engine's own words that are shown. */
const LONGEST_WORDS = 600;

interface Asked {
  socket: string;
  image?: string;
  port?: number;
}

/**
 * A fault of the engine in our words, or undefined when it is none of the engine's. Its own words are the only thing to go by: it answers
 * 500 to most of these. What is none that we know is told in them.
 */
export function engineFault(fault: unknown, asked: Asked): Unavailable | CapacityExhausted | EndpointTaken | undefined {
  if (!(fault instanceof Error)) return undefined;
  const words = wordsOf(fault);
  const status = statusOf(fault);
  if (fault instanceof EngineLate || fault instanceof Late)
    return new Unavailable(
      'docker',
      `the Docker Engine at ${asked.socket} does not answer: ${words}`,
      'Look at the logs of Docker, and at what it waits for: a disk, a registry, a container that does not end.',
    );
  if (status === undefined) return connectionFault(fault, words, asked);

  if (/port is already allocated|address already in use|ports are not available/i.test(words)) {
    if (asked.port !== undefined) return portTaken(asked.port);
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
  if (/iptables|nftables/i.test(words)) {
    return new Unavailable(
      'network',
      `Docker can not set up its firewall rules: ${words}`,
      'Restart Docker, which makes its rules anew: something else, such as a firewall that was restarted, has removed them.',
    );
  }
  return new Unavailable(
    'docker',
    `the Docker Engine refused with status ${status}: ${words || 'it did not say why'}`,
    'Look at the logs of Docker (journalctl -u docker); it is tried again.',
  );
}

function connectionFault(fault: Error, words: string, { socket }: Asked): Unavailable | undefined {
  const facts = socketFacts(fault, socket);
  if (facts) return refusalOf('docker', problemsOf(SOCKET_CHECKS, facts));
  const code = 'code' in fault ? fault.code : undefined;
  if (code === 'ECONNRESET' || code === 'EPIPE' || /socket hang up/.test(words)) {
    return new Unavailable(
      'docker',
      `the Docker Engine at ${socket} broke off or did not answer in time`,
      'Look at the logs of Docker.',
    );
  }
  return undefined;
}

/** The engine's own words, without what its client puts before them; fit to be shown. */
function wordsOf(fault: Error): string {
  const words = fault.message.replace(/^\(HTTP code \d+\) (?:[a-z ]+ )?- /, '');
  return shorten(words.replace(UNPRINTABLE, ' ').trim(), LONGEST_WORDS);
}
