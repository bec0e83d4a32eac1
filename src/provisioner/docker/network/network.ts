import type { networkInterfaces } from 'node:os';
import type { NetworkInspectInfo } from 'dockerode';
import { type Problem, problemsOf } from '../../../domain/check.js';
import { type Engine, statusOf, unlessGone } from '../engine/engine.js';
import { refusalOf } from '../engine/refusalOf.js';
import { LABEL } from '../labels.js';
import { type HostRange, hostRange, hostRanges, sharesWith } from './hostRange.js';
import { NETWORK_CHECKS, type NetworkFacts } from './networkChecks.js';

const ICC = 'com.docker.network.bridge.enable_icc';
const BRIDGE_NAME = 'com.docker.network.bridge.name';
/** What every engine has. */
const BUILT_IN = ['bridge', 'host', 'none'];

/** The interfaces of the Docker host, by name; none of them where they can't be seen from here. */
export type Interfaces = ReturnType<typeof networkInterfaces>;

/** Docker's own default network; every engine has it unless it was told not to. */
const DEFAULT_BRIDGE = 'bridge';
const OTHERWISE = 'or set VAPIORC_NETWORK_MODE=nat';
const WITHOUT_BRIDGE = {
  none: `Docker has no network "bridge", whose address is the one of this host that they reach. Take "bridge": "none" out of Docker's daemon.json and restart Docker, ${OTHERWISE}`,
  own: `the VMs' network is Docker's network "bridge" itself, whose address is hidden from them. Give another VAPIORC_NETWORK, ${OTHERWISE}`,
  noAddress: `Docker's network "bridge" has no IPv4 address. Give it one ("bip" in Docker's daemon.json) and restart Docker, ${OTHERWISE}`,
};

/** Where guests in user-mode networking reach this host, or why they do not. */
export type UserMode =
  | { userModeGateway: string; userModeProblem?: undefined }
  | { userModeGateway?: undefined; userModeProblem: string };

/**
 * The address of the Docker host in Docker's default network: containers of every other network reach it, and so do guests in user-mode
 * networking, from whom that of the VMs' own network is hidden.
 */
export async function userMode(engine: Engine, network: string): Promise<UserMode> {
  if (network === DEFAULT_BRIDGE) return { userModeProblem: WITHOUT_BRIDGE.own };
  const [found] = await networksNamed(engine, DEFAULT_BRIDGE);
  if (found === undefined) return { userModeProblem: WITHOUT_BRIDGE.none };
  const range = hostRange(found);
  return range ? { userModeGateway: range.gateway } : { userModeProblem: WITHOUT_BRIDGE.noAddress };
}

/** What is wrong with the VMs' network; nothing is where it is still to be made. */
export async function examineNetwork(engine: Engine, name: string, interfaces: Interfaces): Promise<Problem[]> {
  const [found, ...twins] = await networksNamed(engine, name);
  return found === undefined ? [] : problemsOf(NETWORK_CHECKS, networkFacts(found, twins, interfaces));
}

/**
 * Those of this name, the oldest first. There may be several: Docker before 25 makes two when it is asked for both at the same moment, and
 * starts no container in either then.
 */
async function networksNamed(engine: Engine, name: string): Promise<NetworkInspectInfo[]> {
  const named = await engine.listNetworks({ filters: { name: [name] } }); // a part of a name will do for the engine
  const age = ({ Created }: NetworkInspectInfo) => Created.replace(/(Z|[+-]\d\d:\d\d)$/, '');
  return named.filter(({ Name }) => Name === name).toSorted((a, b) => (age(a) < age(b) ? -1 : 1));
}

function networkFacts(found: NetworkInspectInfo, twins: NetworkInspectInfo[], interfaces: Interfaces): NetworkFacts {
  const range = hostRange(found);
  const bridge = found.Options?.[BRIDGE_NAME] ?? `br-${found.Id.slice(0, 12)}`;
  return {
    name: found.Name,
    twins: twins.map(({ Id }) => Id.slice(0, 12)),
    driver: found.Driver,
    isInternal: found.Internal,
    subnet: range?.subnet,
    isIsolated: found.Options?.[ICC] === 'false',
    isBuiltIn: BUILT_IN.includes(found.Name),
    sharesWith: range && sharesWith(range, interfaces, bridge),
  };
}

/**
 * All addresses of the networks in which any deployment of vapiorc on this engine has machines, or that one of them made: who is there is a
 * guest.
 */
export async function guestRanges(engine: Engine, name: string): Promise<HostRange[]> {
  const ofOurs = { filters: { label: [LABEL.deployment] } };
  const [networks, machines] = await Promise.all([
    engine.listNetworks(),
    engine.listContainers({ all: true, ...ofOurs }),
  ]);
  const inUse = new Set(machines.flatMap(({ NetworkSettings }) => Object.keys(NetworkSettings?.Networks ?? {})));
  return networks
    .filter(({ Name, Labels }) => Name === name || inUse.has(Name) || Labels?.[LABEL.deployment] !== undefined)
    .flatMap(hostRanges);
}

/**
 * Makes the network of the VMs unless it is there. Guests in it can't reach each other: VNC in each has no password.
 * @throws Unavailable  it is not fit for guests.
 */
export async function ensureNetwork(engine: Engine, name: string, deployment: string): Promise<HostRange> {
  let named = await networksNamed(engine, name);
  if (named.length === 0) {
    await createNetwork(engine, name, deployment);
    named = await networksNamed(engine, name);
  }
  if (named.length > 1) {
    await removeTwins(engine, named.slice(1), deployment);
    named = await networksNamed(engine, name);
  }
  const [network, ...twins] = named;
  const refusal = network && refusalOf('network', problemsOf(NETWORK_CHECKS, networkFacts(network, twins, {})));
  if (refusal) throw refusal;
  const range = network && hostRange(network);
  if (!range) throw new Error(`the Docker network ${name} vanished right after it was made`);
  return range;
}

async function createNetwork(engine: Engine, name: string, deployment: string): Promise<void> {
  try {
    await engine.createNetwork({
      Name: name,
      Driver: 'bridge',
      CheckDuplicate: true,
      Labels: { [LABEL.deployment]: deployment },
      Options: { [ICC]: 'false' },
    });
  } catch (fault) {
    if (statusOf(fault) !== 409) throw fault; // 409: another one made it just now
  }
}

/** Whoever made one too many takes it back. One with machines in it stays, and health says so. */
async function removeTwins(engine: Engine, twins: NetworkInspectInfo[], deployment: string): Promise<void> {
  for (const { Id, Labels } of twins) {
    if (Labels?.[LABEL.deployment] !== deployment) continue;
    await unlessGone(engine.getNetwork(Id).remove()).catch((fault: unknown) => {
      if (statusOf(fault) !== 403) throw fault; // 403: it is in use
    });
  }
}
