import type { Check } from '../../../domain/check.js';

/** What an engine says of itself; see examineEngine.ts. */
export interface EngineFacts {
  socket: string;
  version: string;
  /** Of its API, "1.41". */
  apiVersion: string;
  os: string;
  arch: string;
  isPodman: boolean;
  /** It runs as a user, in a network of its own. */
  isRootless: boolean;
  /** Its containers' root is not the host's; VMs' containers are told to be an exception. */
  remapsUsers: boolean;
  /** Whether what goes from one container to another over a bridge passes the firewall. */
  filtersBridges: boolean;
}

/** The oldest that was tried: that of Docker 20.10. */
const OLDEST_API = '1.41';
/** What the guest image is made for. */
const ARCHITECTURES = ['amd64', 'arm64'];
const USE_DOCKER =
  'Install the Docker Engine of the system and set VAPIORC_DOCKER_SOCKET to its socket, /var/run/docker.sock as a rule';

/** What an engine must be. Read before anything is begun on it, and by `health`. */
export const ENGINE_CHECKS: readonly Check<EngineFacts>[] = [
  {
    looksAt: 'whose API it is',
    wrong: ({ isPodman, version, socket }) =>
      isPodman
        ? `what answers at ${socket} is Podman ${version}, which drops the setting (enable_icc) that keeps guests from each other's screens`
        : undefined,
    fix: () => USE_DOCKER,
    fatal: true,
  },
  {
    looksAt: 'the system of its containers',
    wrong: ({ os }) => (os === 'linux' ? undefined : `this Docker Engine runs containers of ${os}, not of Linux`),
    fix: () => 'Switch Docker to Linux containers, or use a Docker Engine on Linux',
    fatal: true,
  },
  {
    looksAt: 'its processor',
    wrong: ({ arch }) =>
      ARCHITECTURES.includes(arch) ? undefined : `the guest image is not made for a Docker host of ${arch}`,
    fix: () => `Use a Docker host of ${ARCHITECTURES.join(' or ')}`,
    fatal: true,
  },
  {
    looksAt: 'the version of its API',
    wrong: ({ apiVersion, version }) =>
      isOlder(apiVersion, OLDEST_API) ? `Docker ${version} is too old: its API is ${apiVersion}` : undefined,
    fix: () => `Use Docker 20.10 (API ${OLDEST_API}) or newer`,
    fatal: true,
  },
  {
    looksAt: 'whether it runs as root',
    wrong: ({ isRootless }) =>
      isRootless
        ? 'this is a rootless Docker Engine: its networks are its own, so guests would not reach this server, nor it them'
        : undefined,
    fix: () => USE_DOCKER,
    fatal: true,
  },
  {
    looksAt: 'whether isolation holds',
    wrong: ({ filtersBridges }) =>
      filtersBridges
        ? undefined
        : 'guests can reach each other, and VNC in each has no password: the Docker host does not filter what passes its bridges',
    fix: () => 'On the Docker host: modprobe br_netfilter && sysctl -w net.bridge.bridge-nf-call-iptables=1',
    fatal: false,
  },
];

function isOlder(version: string, least: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = least.split('.').map(Number);
  return major < leastMajor || (major === leastMajor && minor < leastMinor);
}
