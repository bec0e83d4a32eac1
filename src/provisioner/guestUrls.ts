import { userMode } from './network.js';
import type { Parts } from './parts.js';

/**
 * Where a guest finds this server. `fallback` is for user-mode networking, which a guest is in by setting, or because its container could
 * not set up NAT: there the name of the Docker host is not known, and its address in the VMs' network leads to the container
 * itself. By setting, the first one is that address too, so that the first call works.
 */
export async function guestUrls({
  engine,
  guestUrl,
  settings,
}: Pick<Parts, 'engine' | 'guestUrl' | 'settings'>): Promise<{ server: string; fallback?: string }> {
  const { userModeGateway: address } = await userMode(engine, settings.network);
  if (address === undefined) return { server: guestUrl };
  const fallback = guestUrl.replace(/^(https?:\/\/)[^/:]+/, `$1${address}`);
  return { server: settings.networkMode === 'user' ? fallback : guestUrl, fallback };
}
