import type { GuestWay, GuestWays } from '../../../domain/guestWays.js';
import { unfitEngine } from '../engine/examineEngine.js';
import type { Parts } from '../parts.js';
import { ensureNetwork, guestRanges, userMode } from './network.js';

/** What guests of the image's own NAT network call the Docker host. */
const HOST_OF_NAT = 'system.lan';
const ELSEWHERE = 'run the server on the Docker host, in a container with host networking (see docker-compose.yml)';

/**
 * The addresses of the Docker host that lead guests here: that in the VMs' own network, which is made when it is missing, and that in
 * Docker's default network, for guests in user-mode networking, from whom the other is hidden.
 * @throws Unavailable
 */
export async function guestWays(parts: Parts): Promise<GuestWays> {
  const { engine, settings, deployment } = parts;
  const refusal = await unfitEngine(parts);
  if (refusal) throw refusal;
  const { gateway } = await ensureNetwork(engine, settings.network, deployment);
  const { userModeGateway, userModeProblem } = await userMode(engine, settings.network);
  const ranges = await guestRanges(engine, settings.network);
  const nat: GuestWay = { whose: "the VM network's gateway", elsewhere: ELSEWHERE, address: gateway };
  const user: GuestWay = {
    whose: "the gateway of Docker's default network",
    which: 'in user-mode networking',
    elsewhere: ELSEWHERE,
    address: userModeGateway,
    ...(userModeProblem !== undefined && { problem: userModeProblem }),
  };
  return {
    // An image that can't do NAT falls back to user mode by itself.
    doors: settings.networkMode === 'user' ? [user, nat] : [{ ...nat, which: '' }, user],
    guests: ranges.map(({ subnet }) => subnet),
    hosts: ranges.map((range) => range.gateway),
  };
}

/**
 * Where a guest finds this server. `fallback` is for user-mode networking, which a guest is in by setting, or because its container could
 * not set up NAT: there the name of the Docker host is not known, and its address in the VMs' network leads to the container
 * itself. By setting, the first one is that address too, so that the first call works.
 */
export async function guestUrls({
  engine,
  settings,
}: Pick<Parts, 'engine' | 'settings'>): Promise<{ server: string; fallback?: string }> {
  const urlAt = (host: string) => `http://${host}:${settings.guestPort}`;
  const server = urlAt(HOST_OF_NAT);
  const { userModeGateway } = await userMode(engine, settings.network);
  if (userModeGateway === undefined) return { server };
  const fallback = urlAt(userModeGateway);
  return { server: settings.networkMode === 'user' ? fallback : server, fallback };
}
