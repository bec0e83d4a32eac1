import type { Check } from '../../../domain/check.js';

/** What the engine says of the VMs' network; see network.ts. */
export interface NetworkFacts {
  name: string;
  /** Ids of the other networks of this name. */
  twins: readonly string[];
  driver: string;
  /** Closed to everything outside. */
  isInternal: boolean;
  /** "172.20.0.0/16"; undefined: it has no IPv4 addresses. */
  subnet: string | undefined;
  /** Whether its containers are kept from talking to each other. */
  isIsolated: boolean;
  /** Every engine has it: it can't be removed. */
  isBuiltIn: boolean;
  /** Another interface of this host, with addresses that are the network's too. */
  sharesWith: string | undefined;
}

const ANOTHER = 'give another VAPIORC_NETWORK: it is then made as it should be';
const remake = ({ name, isBuiltIn }: NetworkFacts) =>
  isBuiltIn ? `G${ANOTHER.slice(1)}` : `Remove it (docker network rm ${name}), or ${ANOTHER}`;

/** What a network of VMs must be, where there is one already. */
export const NETWORK_CHECKS: readonly Check<NetworkFacts>[] = [
  {
    looksAt: 'whether its name is its own',
    wrong: ({ name, twins }) =>
      twins.length === 0
        ? undefined
        : `there are ${twins.length + 1} Docker networks of the name ${name}, and Docker starts no container in any of them`,
    fix: ({ twins }) => `Remove the others: docker network rm ${twins.join(' ')}`,
    fatal: true,
  },
  {
    looksAt: 'its driver',
    wrong: ({ name, driver }) =>
      driver === 'bridge'
        ? undefined
        : `the Docker network ${name} has the driver ${driver}: its guests do not reach this host, nor does this host publish their ports`,
    fix: remake,
    fatal: true,
  },
  {
    looksAt: 'whether it is open to the outside',
    wrong: ({ name, isInternal }) =>
      isInternal
        ? `the Docker network ${name} is internal: Windows could not be downloaded, and no port of a guest is published`
        : undefined,
    fix: remake,
    fatal: true,
  },
  {
    looksAt: 'its addresses',
    wrong: ({ name, driver, subnet }) =>
      driver === 'bridge' && subnet === undefined
        ? `the Docker network ${name} has no IPv4 addresses, so guests would not reach this server`
        : undefined,
    fix: remake,
    fatal: true,
  },
  {
    looksAt: 'who else has its addresses',
    wrong: ({ name, subnet, sharesWith }) =>
      sharesWith === undefined
        ? undefined
        : `the addresses of the Docker network ${name} (${subnet}) are those of this host's interface ${sharesWith} too, so guests may not be reached`,
    fix: remake,
    fatal: false,
  },
  {
    looksAt: 'whether guests are kept from each other',
    wrong: ({ name, driver, isIsolated }) =>
      driver !== 'bridge' || isIsolated
        ? undefined
        : `guests in the Docker network ${name} can reach each other, and VNC in each has no password`,
    fix: remake,
    fatal: false,
  },
];
