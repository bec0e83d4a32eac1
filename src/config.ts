import { resolve } from 'node:path';
import { vmTypeFacts } from './domain/vmTypes.js';
import { SETTINGS, SOCKET_PATH_BYTES } from './settings.js';

const DOCKER_SOCKET = '/var/run/docker.sock';

const Env = SETTINGS.superRefine((e, ctx) => {
  const bad = (path: string, message: string) => ctx.addIssue({ code: 'custom', path: [path], message });
  if (e.VAPIORC_PORT_END < e.VAPIORC_PORT_START) {
    bad(
      'VAPIORC_PORT_END',
      `${e.VAPIORC_PORT_END} is below VAPIORC_PORT_START (${e.VAPIORC_PORT_START}): give a range of at least one port`,
    );
  }
  if (e.VAPIORC_PORT_END - e.VAPIORC_PORT_START >= 1000) {
    bad('VAPIORC_PORT_END', 'RDP is published on port + 1000, so the range may span 1000 ports at most');
  }
  if (e.VAPIORC_PORT_END + 1000 > 65_535)
    bad('VAPIORC_PORT_END', 'RDP is published on port + 1000: give at most 64535');
  for (const [name, value] of [
    ['VAPIORC_PORT', e.VAPIORC_PORT],
    ['VAPIORC_GUEST_PORT', e.VAPIORC_GUEST_PORT],
  ] as const) {
    const offset = value - e.VAPIORC_PORT_START;
    const size = e.VAPIORC_PORT_END - e.VAPIORC_PORT_START;
    if ((offset >= 0 && offset <= size) || (offset >= 1000 && offset <= size + 1000)) {
      bad(
        name,
        `${value} lies in the range that is for VMs (${e.VAPIORC_PORT_START} to ${e.VAPIORC_PORT_END}, and the same + 1000)`,
      );
    }
  }
  // Of a golden image that says nothing else, which is Windows 11: createGoldenImage would refuse each of them.
  const least = vmTypeFacts('11');
  for (const [name, value, min] of [
    ['VAPIORC_RAM_MIB', e.VAPIORC_RAM_MIB, least?.minRamMiB],
    ['VAPIORC_DISK_GIB', e.VAPIORC_DISK_GIB, least?.minDiskGiB],
  ] as const) {
    if (min !== undefined && value < min)
      bad(name, `Windows 11 needs at least ${min}: give that, and say less where an older one is created`);
  }
  // One by TCP or SSH is on another host as a rule: its disks, its networks and its screens are out of reach.
  if (
    e.VAPIORC_PROVISIONER === 'docker' &&
    e.VAPIORC_DOCKER_SOCKET === undefined &&
    e.DOCKER_HOST !== undefined &&
    socketOf(e.DOCKER_HOST) === undefined
  ) {
    bad(
      'DOCKER_HOST',
      `only a socket of this host can be used: give unix:///path/of/the.sock, or set VAPIORC_DOCKER_SOCKET=${DOCKER_SOCKET}, which wins`,
    );
  }
  const ports = e.VAPIORC_PORT_END - e.VAPIORC_PORT_START + 1;
  if (e.VAPIORC_HOT_SPARES > ports) {
    bad(
      'VAPIORC_HOT_SPARES',
      `${e.VAPIORC_HOT_SPARES} spares need as many ports, the range has ${ports}: widen VAPIORC_PORT_START to VAPIORC_PORT_END`,
    );
  }
  if (e.VAPIORC_PUBLIC_HOST && e.VAPIORC_HOST_IP && e.VAPIORC_PUBLIC_HOST !== e.VAPIORC_HOST_IP) {
    bad('VAPIORC_HOST_IP', 'is the old name of VAPIORC_PUBLIC_HOST and says something else: set one of them');
  }
});

export type Config = ReturnType<typeof loadConfig>;

/** Reads the settings. Throws one error that names every bad variable. An empty value counts as unset. */
export function loadConfig(env: NodeJS.ProcessEnv) {
  const parsed = Env.safeParse(Object.fromEntries(Object.entries(env).filter(([, value]) => value !== '')));
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => {
      const name = issue.path.join('.');
      const given = env[name];
      const shown = given === undefined || /URL|^DOCKER_HOST$/.test(name) ? '' : ` (given: ${JSON.stringify(given)})`;
      return `  ${name}: ${issue.message}${shown}`;
    });
    throw new Error(`bad configuration\n${lines.join('\n')}`);
  }
  const e = parsed.data;
  const dockerHostSocket = socketOf(e.DOCKER_HOST);
  return {
    host: e.VAPIORC_HOST,
    port: e.VAPIORC_PORT,
    publicHost: e.VAPIORC_PUBLIC_HOST ?? e.VAPIORC_HOST_IP ?? 'localhost',
    /** The same where somebody has chosen it: web pages of this name are ours. */
    publicName: nameOfOurs(e.VAPIORC_PUBLIC_HOST ?? e.VAPIORC_HOST_IP),
    databaseUrl: e.DATABASE_URL,
    databaseConnections: e.VAPIORC_DATABASE_CONNECTIONS,
    redisUrl: e.REDIS_URL,
    storagePath: resolve(e.VAPIORC_STORAGE_PATH),
    hostStoragePath: e.VAPIORC_HOST_STORAGE_PATH,
    provisioner: e.VAPIORC_PROVISIONER,
    dockerSocket: e.VAPIORC_DOCKER_SOCKET ?? dockerHostSocket ?? DOCKER_SOCKET,
    /** Both name an engine, and not the same one. */
    dockerHostLoses:
      e.DOCKER_HOST !== undefined &&
      e.VAPIORC_DOCKER_SOCKET !== undefined &&
      e.VAPIORC_DOCKER_SOCKET !== dockerHostSocket,
    image: e.VAPIORC_IMAGE,
    kvm: e.VAPIORC_KVM === 'on',
    network: e.VAPIORC_NETWORK,
    networkMode: e.VAPIORC_NETWORK_MODE,
    qemuAgent: e.VAPIORC_QEMU_AGENT === 'on',
    guestPort: e.VAPIORC_GUEST_PORT,
    ports: { start: e.VAPIORC_PORT_START, end: e.VAPIORC_PORT_END },
    publishAddress: e.VAPIORC_PUBLISH_ADDRESS,
    /** Defaults of a new pool and of a new golden image. */
    defaults: {
      hotSpares: e.VAPIORC_HOT_SPARES,
      maxVms: e.VAPIORC_MAX_VMS,
      cpuCores: e.VAPIORC_CPU_CORES,
      ramMiB: e.VAPIORC_RAM_MIB,
      diskGiB: e.VAPIORC_DISK_GIB,
    },
    readiness: e.VAPIORC_READINESS,
    unheardMs: e.VAPIORC_UNHEARD_SECONDS * 1000,
    webhook: e.VAPIORC_WEBHOOK === 'on',
    clockSkewSeconds: e.VAPIORC_CLOCK_SKEW_SECONDS,
    bootTimeoutMs: e.VAPIORC_BOOT_TIMEOUT_SECONDS * 1000,
    installTimeoutMs: e.VAPIORC_INSTALL_TIMEOUT_SECONDS * 1000,
    installStuckMs: e.VAPIORC_INSTALL_STUCK_SECONDS * 1000,
    stopTimeoutSeconds: e.VAPIORC_STOP_TIMEOUT_SECONDS,
    assignWaitSeconds: e.VAPIORC_ASSIGN_WAIT_SECONDS,
    parallelStarts: e.VAPIORC_PARALLEL_STARTS,
    capacityCheck: e.VAPIORC_CAPACITY_CHECK === 'on',
    simulated: {
      createMs: e.VAPIORC_SIMULATED_CREATE_MS,
      bootMs: e.VAPIORC_SIMULATED_BOOT_MS,
      installMs: e.VAPIORC_SIMULATED_INSTALL_MS,
      failureRate: e.VAPIORC_SIMULATED_FAILURE_RATE,
    },
    /** Hosts that isoUrl may name whatever their addresses are. */
    isoHosts: e.VAPIORC_ISO_HOSTS,
    logLevel: e.VAPIORC_LOG_LEVEL,
    /** Names that look like settings and are none, sorted: misspelt, or of another version. */
    notSettings: Object.keys(env)
      .filter((name) => name.startsWith('VAPIORC_') && !(name in SETTINGS.shape))
      .toSorted(),
  } as const;
}

/** Every machine calls itself localhost: a page of that name is not therefore ours. */
function nameOfOurs(host: string | undefined): string | undefined {
  return host === 'localhost' ? undefined : host;
}

/** The socket that a DOCKER_HOST names; undefined: it names none, or is not set. */
function socketOf(dockerHost: string | undefined): string | undefined {
  const path = /^unix:\/\/(\/.+)$/.exec(dockerHost ?? '')?.[1];
  return path !== undefined && Buffer.byteLength(path) <= SOCKET_PATH_BYTES ? path : undefined;
}
