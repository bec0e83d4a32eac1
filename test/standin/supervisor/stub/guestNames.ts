import type { Network } from '../network.js';

/** Where a name leads from inside the guest; undefined: to where the container's own resolver says. */
export function guestAddress(name: string, network: Network): string | undefined {
  if (name === 'host.lan') return '127.0.0.1';
  if (network.mode === 'user') {
    // The gateway of the Docker network is hidden by the guest's own one, which is the container's loopback.
    if (name === network.gateway || name === network.guestGateway) return '127.0.0.1';
    return name === 'system.lan' ? 'system.lan.invalid' : undefined;
  }
  if (name === network.guestGateway) return '127.0.0.1';
  return name === 'system.lan' ? network.gateway || 'system.lan.invalid' : undefined;
}
