import type { NetworkInterfaceInfo } from 'node:os';
import type { NetworkInspectInfo } from 'dockerode';
import { Addresses } from '../../../primitives/addresses.js';

/** The Docker host's address in a network, and the network's addresses ("172.20.0.0/16"). */
export interface HostRange {
  gateway: string;
  subnet: string;
}

/** The first IPv4 range of a network; undefined: it has none. */
export function hostRange(network: Pick<NetworkInspectInfo, 'IPAM'>): HostRange | undefined {
  return hostRanges(network).find(({ subnet }) => /^\d+(\.\d+){3}\/\d+$/.test(subnet));
}

/** Another interface of the host, beside the network's own bridge, that has some of its addresses; undefined: none has. */
export function sharesWith(
  { gateway, subnet }: HostRange,
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>,
  bridge: string,
): string | undefined {
  const others = Object.entries(interfaces).filter(([name]) => name !== bridge);
  // Of two ranges that meet, one lies within the other.
  return others.find(([, addresses = []]) =>
    addresses.some(({ family, address, cidr }) => {
      return family === 'IPv4' && (contains(subnet, address) || (cidr !== null && contains(cidr, gateway)));
    }),
  )?.[0];
}

const contains = (range: string, address: string) => new Addresses([range]).has(address);

/**
 * All ranges of a network, of both families where it is dual-stack. The engine need not say the gateway: not of its default network right
 * after its first start, and not of a network that somebody made without one. The host then has the first address.
 */
export function hostRanges({ IPAM }: Pick<NetworkInspectInfo, 'IPAM'>): HostRange[] {
  return (IPAM?.Config ?? []).flatMap(({ Subnet, Gateway }) => {
    if (Subnet === undefined) return [];
    const isIPv6 = Subnet.includes(':');
    return [{ subnet: Subnet, gateway: Gateway || (isIPv6 ? firstIPv6(Subnet) : firstAddress(Subnet)) }];
  });
}

/** Docker takes no range whose last group is not its containers' own. */
function firstIPv6(subnet: string): string {
  return (subnet.split('/', 1)[0] ?? '').replace(/:0?$/, ':1');
}

function firstAddress(subnet: string): string {
  const [address = '', bits = ''] = subnet.split('/');
  const size = 2 ** (32 - Number(bits));
  const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const first = Math.floor(number / size) * size + 1;
  return [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.');
}
