/** Whom the HTTP listeners talk to. Pure: header values and addresses in, a verdict out. */
import { isIP, isIPv4 } from 'node:net';

/**
 * Whether a request with this Host header is meant for us: an IP address, localhost or one of `names`, with any port.
 *
 * A web page that the user has open can point its own name at this address (DNS rebinding) and then read what we answer. It can't
 * do that with an address or with a name that is not its own. What sends no Host header is no browser.
 */
export function isHostAllowed(host: string | undefined, names: readonly string[]): boolean {
  if (host === undefined) return true;
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?$/.exec(host);
  if (match === null) return false;
  const [, address, name = ''] = match;
  if (address !== undefined) return isIP(address) === 6;
  return isIPv4(name) || bare(name) === 'localhost' || names.some((ours) => bare(ours) === bare(name));
}

/**
 * Whether a request with this Origin header was made by a web page that is not ours, such as a form that posts here. The VMs'
 * consoles are not ours: same host, other port. A page behind a proxy that ends TLS has the public name as its origin.
 */
export function isForeignOrigin(origin: string | undefined, host: string | undefined, publicHost: string): boolean {
  if (origin === undefined) return false;
  if (!/^https?:\/\//.test(origin) || !URL.canParse(origin)) return true; // "null": a sandboxed page, a file
  const from = new URL(origin);
  if (from.protocol === 'https:' && from.host === bare(publicHost)) return false;
  const here = `${from.protocol}//${host ?? ''}`;
  return !URL.canParse(here) || new URL(here).host !== from.host;
}

/** Names are compared without regard to case, and "name." is "name". */
function bare(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/** Whether this remote address is one that only this machine itself can have. */
export function isLoopback(address: string): boolean {
  return address === '::1' || isInSubnet(address, '127.0.0.0/8');
}

/** Whether this remote address is in the IPv4 subnet ("172.20.0.0/16"), also where the socket shows it as an IPv6 one. */
export function isInSubnet(address: string, subnet: string): boolean {
  const [base = '', length = ''] = subnet.split('/');
  const bits = Number(length);
  if (!isIPv4(base) || !/^\d{1,2}$/.test(length) || bits > 32)
    throw new Error(`${JSON.stringify(subnet)} is not an IPv4 subnet`);
  const plain = address.replace(/^::ffff:/i, '');
  if (!isIPv4(plain)) return false;
  const size = 2 ** (32 - bits);
  return Math.floor(numberOf(plain) / size) === Math.floor(numberOf(base) / size);
}

function numberOf(address: string): number {
  return address.split('.').reduce((number, part) => number * 256 + Number(part), 0);
}
