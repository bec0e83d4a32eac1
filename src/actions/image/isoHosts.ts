import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { InvalidInput, type Unavailable } from '../../domain/errors.js';
import type { GuestWays } from '../../domain/guestWays.js';
import { Addresses } from '../../primitives/addresses.js';
import { maskUrls } from '../../primitives/maskUrls.js';

/** How long a name may take to be found. One that is not found by then passes: the installation then says that nothing could be downloaded. */
const LOOKUP_MS = 3_000;

/** Where a medium never is, and where a request from inside the VMs' network may do or learn what it should not. */
const NEVER: readonly [why: string, ranges: readonly string[]][] = [
  ['a loopback address: the container of the installation itself', ['127.0.0.0/8', '::1']],
  ['no address that anybody has', ['0.0.0.0/8', '::', '224.0.0.0/3', 'ff00::/8']],
  ['a link-local address, where clouds keep their secrets', ['169.254.0.0/16', 'fe80::/10']],
  // Alibaba, Azure; Amazon, Google, Oracle.
  [
    'where a cloud keeps its secrets',
    ['100.100.100.200', '168.63.129.16', 'fd00:ec2::254', 'fd20:ce::254', 'fd00:c1::a9fe:a9fe'],
  ],
];

export interface IsoHostOptions {
  /** Host names, addresses and ranges of addresses that are taken all the same. */
  allowed: readonly string[];
  /** Undefined: guests have no network. */
  guests: () => Promise<GuestWays | Unavailable | undefined>;
  /** Name servers, with port; only a test gives others than the host's. */
  nameServers?: string[];
}

/** Why an installation is not sent to this URL's host for its medium; undefined: it is. */
export type IsoHostRefusal = (isoUrl: string) => Promise<InvalidInput | Unavailable | undefined>;

/**
 * The check of isoUrl's host, as an address in any spelling or by what its name means now. Addresses of private networks are taken: that is
 * where people keep their media. What a name means later, or what its server redirects to, is not seen.
 */
export function createIsoHostRefusal({ allowed, guests, nameServers }: IsoHostOptions): IsoHostRefusal {
  const allowedNames = new Set(allowed.map((entry) => entry.toLowerCase().replace(/\.$/, '')));
  const allowedRanges = listOf(allowed.filter((entry) => isIP(entry.split('/', 1)[0] ?? '') !== 0));
  const never = NEVER.map(([why, ranges]) => ({ why, list: listOf(ranges) }));

  return async (isoUrl) => {
    const host = new URL(isoUrl).hostname.replace(/^\[|\]$|\.$/g, '');
    if (allowedNames.has(host)) return undefined;
    const ways = await guests();
    if (ways instanceof Error) return ways;
    const forbidden = [...never, ...(ways === undefined ? [] : [ofGuests(ways)])];
    for (const address of await addressesOf(host, nameServers)) {
      if (allowedRanges.has(address)) continue;
      const found = forbidden.find(({ list }) => list.has(address));
      if (found === undefined) continue;
      const which = address === host ? host : `${host} (${address})`;
      return new InvalidInput(
        'isoUrl',
        maskUrls(isoUrl),
        `${which} is ${found.why}. Name another host, or have it allowed by VAPIORC_ISO_HOSTS.`,
      );
    }
    return undefined;
  };
}

function ofGuests({ guests, doors }: GuestWays): { why: string; list: Addresses } {
  const all = [...guests, ...doors.flatMap(({ address }) => address ?? [])];
  return { why: 'in the network of the VMs, or this host as they see it', list: listOf(all) };
}

/** The ranges, and for IPv4 the same inside the IPv6 addresses that stand for it. */
function listOf(ranges: readonly string[]): Addresses {
  return new Addresses(ranges.flatMap((range) => [range, ...standIns(range)]));
}

function standIns(range: string): string[] {
  const [address = '', given = '32'] = range.split('/');
  if (isIP(address) !== 4) return [];
  const hex = Buffer.from(address.split('.').map(Number)).toString('hex');
  const bits = Number(given);
  return [
    ...['::', '::ffff:0:', '64:ff9b::'].map((prefix) => `${prefix}${address}/${96 + bits}`),
    `2002:${hex.slice(0, 4)}:${hex.slice(4)}::/${16 + bits}`,
  ];
}

/** By the host's name servers, which the container of the installation asks too; not by its own list of names, which that does not see. */
async function addressesOf(host: string, nameServers: string[] | undefined): Promise<string[]> {
  if (isIP(host)) return [host];
  if (/(^|\.)localhost$/.test(host)) return ['127.0.0.1'];
  const resolver = new Resolver({ timeout: LOOKUP_MS, tries: 1 });
  if (nameServers) resolver.setServers(nameServers);
  // With several name servers each has its own time.
  const late = setTimeout(() => resolver.cancel(), LOOKUP_MS);
  const found = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  clearTimeout(late);
  return found.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
}
