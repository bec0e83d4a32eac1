import { resolve } from 'node:path';
import { z } from 'zod';
import { schemaMistake, urlMistake } from './domain/databaseUrl.js';
import { vmTypeFacts } from './domain/vmTypes.js';

/** Pinned: the guest image changes fast, and what vapiorc relies on was checked against this release. */
const DEFAULT_IMAGE = 'dockurr/windows:6.05';
const DOCKER_SOCKET = '/var/run/docker.sock';

const count = (min: number, max: number) => {
  const error = `give a whole number from ${min} to ${max}`;
  return z.coerce.number(error).int(error).min(min, error).max(max, error);
};
const port = () => count(1, 65_535);
/** Names that may stand in a URL or a Docker argument. */
const hostName = z
  .string()
  .max(253)
  .regex(/^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$/, 'give a host name or an IP address, without a scheme or a port');
/** The mistakes come first: a URL that holds one may not even be a URL. */
const serverUrl = (protocol: RegExp, example: string, mistakes: ((url: string) => string | undefined)[]) =>
  z.string().superRefine((url, ctx) => {
    const wrong = mistakes.map((mistake) => mistake(url)).find((text) => text !== undefined);
    const isUrl = URL.canParse(url) && protocol.test(new URL(url).protocol.slice(0, -1));
    const message = wrong ?? (isUrl ? undefined : `give a URL such as ${example}`);
    if (message !== undefined) ctx.addIssue({ code: 'custom', message });
  });
const flag = z.enum(['on', 'off'], 'give on or off');
/** The kernel takes no longer path of a socket. */
const SOCKET_PATH_BYTES = 107;

const Env = z
  .object({
    VAPIORC_HOST: z
      .union([z.ipv4(), z.ipv6(), z.literal('localhost')], 'give an IP address to listen on')
      .default('127.0.0.1'),
    VAPIORC_PORT: port().default(8000),
    VAPIORC_PUBLIC_HOST: hostName.optional(),
    VAPIORC_HOST_IP: hostName.optional(),
    DATABASE_URL: serverUrl(/^postgres(ql)?$/, 'postgresql://user:password@host:5432/vapiorc', [
      urlMistake,
      schemaMistake,
    ]).optional(),
    VAPIORC_DATABASE_CONNECTIONS: count(2, 500).default(20),
    REDIS_URL: serverUrl(/^(rediss?|unix)$/, 'redis://host:6379/0', [urlMistake]).optional(),
    VAPIORC_STORAGE_PATH: z.string().default('./.vapiorc'),
    VAPIORC_HOST_STORAGE_PATH: z.string().startsWith('/', 'give an absolute path on the Docker host').optional(),
    VAPIORC_PROVISIONER: z.enum(['docker', 'simulated']).default('docker'),
    VAPIORC_DOCKER_SOCKET: z
      .string()
      .startsWith('/', 'give the absolute path of the socket')
      .refine(
        (path) => Buffer.byteLength(path) <= SOCKET_PATH_BYTES,
        `give a path of ${SOCKET_PATH_BYTES} bytes at most`,
      )
      .optional(),
    DOCKER_HOST: z.string().optional(),
    VAPIORC_IMAGE: z.string().min(1).max(255).default(DEFAULT_IMAGE),
    VAPIORC_KVM: flag.default('on'),
    VAPIORC_NETWORK: z
      .string()
      .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/, 'give the name of a Docker network')
      .default('vapiorc_default'),
    VAPIORC_NETWORK_MODE: z.enum(['nat', 'user']).default('nat'),
    VAPIORC_QEMU_AGENT: flag.default('off'),
    VAPIORC_GUEST_PORT: port().default(8890),
    VAPIORC_PORT_START: port().default(8001),
    VAPIORC_PORT_END: port().default(8100),
    VAPIORC_PUBLISH_ADDRESS: z.union([z.ipv4(), z.ipv6()], 'give an IP address').default('127.0.0.1'),
    VAPIORC_HOT_SPARES: count(0, 1000).default(2),
    VAPIORC_MAX_VMS: count(0, 1000).default(20),
    VAPIORC_CPU_CORES: count(1, 256).default(2),
    VAPIORC_RAM_MIB: count(512, 1_048_576).default(4096),
    VAPIORC_DISK_GIB: count(1, 16_384).default(64),
    VAPIORC_READINESS: z.enum(['agent', 'rdp', 'either']).default('agent'),
    VAPIORC_UNHEARD_SECONDS: count(5, 3600).default(90),
    VAPIORC_WEBHOOK: flag.default('off'),
    VAPIORC_CLOCK_SKEW_SECONDS: count(0, 86_400).default(30),
    VAPIORC_BOOT_TIMEOUT_SECONDS: count(1, 86_400).default(900),
    VAPIORC_INSTALL_TIMEOUT_SECONDS: count(1, 604_800).default(4 * 3600),
    VAPIORC_INSTALL_STUCK_SECONDS: count(60, 86_400).default(1800),
    VAPIORC_STOP_TIMEOUT_SECONDS: count(120, 3600).default(180),
    // Well below the 60 s after which proxies answer for us.
    VAPIORC_ASSIGN_WAIT_SECONDS: count(0, 3600).default(25),
    VAPIORC_PARALLEL_STARTS: count(1, 64).default(4),
    VAPIORC_CAPACITY_CHECK: flag.default('on'),
    VAPIORC_SIMULATED_CREATE_MS: count(0, 3_600_000).default(200),
    VAPIORC_SIMULATED_BOOT_MS: count(0, 3_600_000).default(2000),
    VAPIORC_SIMULATED_INSTALL_MS: count(0, 3_600_000).default(10_000),
    VAPIORC_SIMULATED_FAILURE_RATE: z.coerce.number().min(0).max(1).default(0),
    VAPIORC_ISO_HOSTS: z
      .string()
      .default('')
      .transform((list) => list.split(',').flatMap((entry) => entry.trim() || []))
      .pipe(
        z.array(
          z.union(
            [hostName, z.cidrv4(), z.cidrv6(), z.ipv6()],
            'give host names, IP addresses or ranges such as 10.0.0.0/8, with commas between',
          ),
        ),
      ),
    VAPIORC_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  })
  .superRefine((e, ctx) => {
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
      .filter((name) => name.startsWith('VAPIORC_') && !(name in Env.shape))
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
