import type { NetworkInspectInfo } from 'dockerode';
import { Unavailable } from '../domain/errors.js';
import { type Engine, statusOf, unlessGone } from './engine.js';
import { hostRange } from './hostRange.js';
import { LABEL } from './labels.js';

const ICC = 'com.docker.network.bridge.enable_icc';

export interface GuestNetwork {
  /** Address of the Docker host in this network. */
  gateway: string;
  /** Its IPv4 addresses, "172.20.0.0/16". */
  subnet: string;
  /** Whether its containers are kept from talking to each other. */
  isolated: boolean;
}

/** Docker's own default network; every engine has it unless it was told not to. */
const DEFAULT_BRIDGE = 'bridge';

/**
 * The address of the Docker host in Docker's default network: containers of every other network reach it, and so do guests in user-mode
 * networking. Undefined: there is none, or the VMs' network is that one, whose gateway is hidden from them.
 */
export async function userModeGateway(engine: Engine, network: string): Promise<string | undefined> {
  if (network === DEFAULT_BRIDGE) return undefined;
  const found = (await unlessGone(engine.getNetwork(DEFAULT_BRIDGE).inspect())) as NetworkInspectInfo | undefined;
  return found && hostRange(found)?.gateway;
}

/** The network as it is, or undefined when there is none of that name. */
export async function findNetwork(engine: Engine, name: string): Promise<GuestNetwork | undefined> {
  const found = (await unlessGone(engine.getNetwork(name).inspect())) as NetworkInspectInfo | undefined;
  if (found === undefined) return undefined;
  if (found.Driver !== 'bridge') {
    throw new Unavailable(
      'network',
      `the Docker network ${name} has the driver ${found.Driver}: its guests do not reach this host, nor does this host publish their ports`,
      'Give another VAPIORC_NETWORK: a bridge network of that name is then made.',
    );
  }
  const range = hostRange(found);
  if (range === undefined) {
    throw new Unavailable(
      'network',
      `the Docker network ${name} has no IPv4 addresses, so guests would not reach this server`,
      'Remove that network, or give another VAPIORC_NETWORK: it is then made.',
    );
  }
  return { ...range, isolated: found.Options?.[ICC] === 'false' };
}

/** The networks that any deployment of vapiorc on this engine has made for its VMs: who is in one of them is a guest. */
export async function guestNetworks(engine: Engine): Promise<{ gateway: string; subnet: string }[]> {
  const found = await engine.listNetworks({ filters: { label: [LABEL.deployment] } });
  return found.flatMap((network) => hostRange(network) ?? []);
}

/** Makes the network of the VMs unless it is there. Guests in it can't reach each other: VNC in each has no password. */
export async function ensureNetwork(engine: Engine, name: string, deployment: string): Promise<GuestNetwork> {
  const found = await findNetwork(engine, name);
  if (found) return found;
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
  const made = await findNetwork(engine, name);
  if (!made) throw new Error(`the Docker network ${name} vanished right after it was made`);
  return made;
}
