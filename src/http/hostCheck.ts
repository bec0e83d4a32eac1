/** Whom the HTTP listeners talk to. Pure: header values and addresses in, a verdict out. */
import { isIP, isIPv4 } from 'node:net';

/** Who is at the other end of a connection; `unknown`: a guest, maybe. */
export type Peer = 'caller' | 'guest' | 'unknown';

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

/** What a web page can have as its origin and be anybody's. The rest are programs that are installed, whose pages nobody else can give out. */
const ANYBODYS = /^(?:https?|file|ftp|data|blob|filesystem|about|[a-z-]+-extension):/;

/** Where a request may come from whose Origin is foreign; the rest of a sentence. */
export const FROM_OUR_PAGES =
  'or from a page of this server. Behind a proxy: set VAPIORC_PUBLIC_HOST to the name in its address.';

/** Whether a request with these headers was made by a web page that is not ours, such as a form that posts here. */
export type IsForeign = (origin: string | undefined, host: string | undefined) => boolean;

/**
 * Ours are the pages at the very address that was asked, and those of the public name, where one is configured, on any port: a proxy may
 * end TLS on another one and pass the name without it. The consoles of VMs are not ours, though they have the same name.
 */
export function originCheck({
  publicName,
  consolePorts,
}: {
  publicName?: string | undefined;
  consolePorts: { start: number; end: number };
}): IsForeign {
  return (origin, host) => {
    if (origin === undefined) return false;
    // "null": a page in a sandbox, a file; whoever wants can have one.
    if (!URL.canParse(origin) || !origin.includes('://')) return true;
    if (!ANYBODYS.test(origin.toLowerCase())) return false;
    if (!/^https?:/i.test(origin)) return true;
    const from = new URL(origin);
    const here = `${from.protocol}//${host ?? ''}`;
    if (URL.canParse(here) && new URL(here).host === from.host) return false;
    const isNamed = publicName !== undefined && bare(from.hostname.replace(/^\[|\]$/g, '')) === bare(publicName);
    const port = Number(from.port || 0);
    return !isNamed || (port >= consolePorts.start && port <= consolePorts.end);
  };
}

/** Names are compared without regard to case, and "name." is "name". */
function bare(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/** Whether this remote address is one that only this machine itself can have. */
export function isLoopback(address: string): boolean {
  return address === '::1' || (plain(address).startsWith('127.') && isIPv4(plain(address)));
}

/** A socket shows an IPv4 address as an IPv6 one where it listens to both, and with a link-local one the interface. */
export function plain(address: string): string {
  return address.replace(/^::ffff:/i, '').replace(/%.*$/, '');
}
