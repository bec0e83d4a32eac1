import { z } from 'zod';
import { schemaMistake, urlMistake } from './domain/databaseUrl.js';

/** Pinned: the guest image changes fast, and what vapiorc relies on was checked against this release. */
const DEFAULT_IMAGE = 'dockurr/windows:6.05';
/** The kernel takes no longer path of a socket. */
export const SOCKET_PATH_BYTES = 107;

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

/** What a setting means, and what is done where it has no default and is not set. */
const says = (description: string, otherwise?: string) => ({ description, ...(otherwise && { otherwise }) });

/** All settings: each variable of the environment with its check, its default and its meaning, of which docs/settings.md is printed. */
export const SETTINGS = z.object({
  VAPIORC_HOST: z
    .union([z.ipv4(), z.ipv6(), z.literal('localhost')], 'give an IP address to listen on')
    .default('127.0.0.1')
    .meta(says('where the API listens. There is no login: whoever reaches it may do everything')),
  VAPIORC_PORT: port().default(8000).meta(says('the port of the API')),
  VAPIORC_PUBLIC_HOST: hostName
    .optional()
    .meta(
      says(
        'the name in `novnc_url` and other links, and the one host name (beside addresses and localhost) by which clients may call',
        '`localhost`',
      ),
    ),
  VAPIORC_HOST_IP: hostName.optional().meta(says('the old name of `VAPIORC_PUBLIC_HOST`', 'that one')),
  DATABASE_URL: serverUrl(/^postgres(ql)?$/, 'postgresql://user:password@host:5432/vapiorc', [
    urlMistake,
    schemaMistake,
  ])
    .optional()
    .meta(
      says(
        'your own Postgres 15 or newer; `?schema=` names a schema (made when missing), `sslmode` means what it means to `psql`, odd characters in user and password are percent-encoded. A pooler must be in session mode',
        'embedded Postgres',
      ),
    ),
  VAPIORC_DATABASE_CONNECTIONS: count(2, 500)
    .default(20)
    .meta(
      says(
        "most that this server's pool opens; three more are its own. What callers read has half of them, one address a quarter",
      ),
    ),
  REDIS_URL: serverUrl(/^(rediss?|unix)$/, 'redis://host:6379/0', [urlMistake])
    .optional()
    .meta(
      says(
        'your own Redis (`redis://`, `rediss://`, `unix:///path`) to carry hints between servers; a user with access lists needs `+publish +subscribe &vapiorc:*`, a certificate of your own goes into `NODE_EXTRA_CA_CERTS`',
        'Postgres NOTIFY',
      ),
    ),
  VAPIORC_STORAGE_PATH: z
    .string()
    .default('./.vapiorc')
    .meta(
      says(
        "golden images, VM disks, embedded database: one file system. Where root starts the server and others can't enter the folder, see [operate.md](operate.md#where-the-embedded-database-lies)",
      ),
    ),
  VAPIORC_HOST_STORAGE_PATH: z
    .string()
    .startsWith('/', 'give an absolute path on the Docker host')
    .optional()
    .meta(says('the same folder as the Docker host sees it, where the server runs in a container', 'found out')),
  VAPIORC_PROVISIONER: z
    .enum(['docker', 'simulated'])
    .default('docker')
    .meta(
      says(
        '`simulated`: no real VMs, real timing, for demos and load tests; needs a storage (or database) of its own. Its guests know [a few commands](use.md#simulated-vms)',
      ),
    ),
  VAPIORC_DOCKER_SOCKET: z
    .string()
    .startsWith('/', 'give the absolute path of the socket')
    .refine((path) => Buffer.byteLength(path) <= SOCKET_PATH_BYTES, `give a path of ${SOCKET_PATH_BYTES} bytes at most`)
    .optional()
    .meta(says("Docker's socket. Wins over a `DOCKER_HOST`", 'that of `DOCKER_HOST`, else `/var/run/docker.sock`')),
  DOCKER_HOST: z
    .string()
    .optional()
    .meta(says('as for the `docker` program; must be `unix:///…` where `VAPIORC_DOCKER_SOCKET` is not set', 'none')),
  VAPIORC_IMAGE: z
    .string()
    .min(1)
    .max(255)
    .default(DEFAULT_IMAGE)
    .meta(says("the VM image, pinned: vapiorc's knowledge of it was checked against this release")),
  VAPIORC_KVM: flag.default('on').meta(says('`off` runs without KVM, many times slower')),
  VAPIORC_NETWORK: z
    .string()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/, 'give the name of a Docker network')
    .default('vapiorc_default')
    .meta(says("Docker network of the VMs, made when missing; guests in it can't reach each other")),
  VAPIORC_NETWORK_MODE: z
    .enum(['nat', 'user'])
    .default('nat')
    .meta(
      says(
        "`user`: user-mode networking, for hosts where containers may not have NET_ADMIN or /dev/net/tun; of the guest's ports only RDP is then reached. A guest whose container can't do NAT falls back to it by itself",
      ),
    ),
  VAPIORC_QEMU_AGENT: flag
    .default('off')
    .meta(
      says(
        '`on`: new machines get a channel for the QEMU guest agent, for golden images that have it installed; `runCommand` takes it with `transport: QEMU_GUEST_AGENT`',
      ),
    ),
  VAPIORC_GUEST_PORT: port()
    .default(8890)
    .meta(
      says(
        "where guests call in, on that network's gateway address and, for guests in user-mode networking, on that of Docker's default network (`docker0`)",
      ),
    ),
  VAPIORC_PORT_START: port()
    .default(8001)
    .meta(
      says(
        'first of the web ports of VMs: the server itself shows the screen (noVNC) there, to people and programs, not to web pages of other origins and not to guests; RDP is on port + 1000',
      ),
    ),
  VAPIORC_PORT_END: port().default(8100).meta(says('the last of them')),
  VAPIORC_PUBLISH_ADDRESS: z
    .union([z.ipv4(), z.ipv6()], 'give an IP address')
    .default('127.0.0.1')
    .meta(
      says(
        'where VM ports are published. The screens have no password, and on another address than loopback other guests reach RDP too',
      ),
    ),
  VAPIORC_HOT_SPARES: count(0, 1000).default(2).meta(says('spares of a new pool; `setPool` changes it')),
  VAPIORC_MAX_VMS: count(0, 1000)
    .default(20)
    .meta(says('most VMs of a new pool, assigned ones included; `setPool` changes it')),
  VAPIORC_CPU_CORES: count(1, 256)
    .default(2)
    .meta(says('of a new golden image, where `createGoldenImage` does not say')),
  VAPIORC_RAM_MIB: count(512, 1_048_576).default(4096).meta(says('of a new golden image, MiB')),
  VAPIORC_DISK_GIB: count(1, 16_384).default(64).meta(says('of a new golden image, GiB; each VM may use as much')),
  VAPIORC_READINESS: z
    .enum(['agent', 'rdp', 'either'])
    .default('agent')
    .meta(says("what makes a VM READY: `agent` (the guest's own report), `rdp` (an RDP handshake), `either`")),
  VAPIORC_UNHEARD_SECONDS: count(5, 3600)
    .default(90)
    .meta(says('a READY VM that is not heard of for this long is not handed out; it is looked at, and replaced')),
  VAPIORC_WEBHOOK: flag
    .default('off')
    .meta(
      says(
        '`on`: guests of golden images from the prototype may report by `/webhook/ready`, with nothing but their network address. Whoever reaches that route can say it for them',
      ),
    ),
  VAPIORC_CLOCK_SKEW_SECONDS: count(0, 86_400)
    .default(30)
    .meta(says('a guest whose clock is further off is told to set it before its VM is READY; `0`: not checked')),
  VAPIORC_BOOT_TIMEOUT_SECONDS: count(1, 86_400)
    .default(900)
    .meta(says('a VM that is not ready by then has failed and is replaced')),
  VAPIORC_INSTALL_TIMEOUT_SECONDS: count(1, 604_800)
    .default(4 * 3600)
    .meta(says('an installation that is not done by then has failed')),
  VAPIORC_INSTALL_STUCK_SECONDS: count(60, 86_400)
    .default(1800)
    .meta(
      says(
        'an installation that has not moved for this long is told to be stuck, with what to look at; nothing is ended',
      ),
    ),
  VAPIORC_STOP_TIMEOUT_SECONDS: count(120, 3600)
    .default(180)
    .meta(says('how long Windows may take to shut down when a golden image is sealed')),
  VAPIORC_ASSIGN_WAIT_SECONDS: count(0, 3600)
    .default(25)
    .meta(
      says("how long REST's `assign` waits for a VM before 503; well below the 60 s after which most proxies give up"),
    ),
  VAPIORC_PARALLEL_STARTS: count(1, 64).default(4).meta(says('containers that are started at the same time')),
  VAPIORC_CAPACITY_CHECK: flag
    .default('on')
    .meta(says('refuse what the host has no memory or disk for, or more than four times its processors')),
  VAPIORC_SIMULATED_CREATE_MS: count(0, 3_600_000)
    .default(200)
    .meta(says('of the simulated provisioner: how long a container takes to be made')),
  VAPIORC_SIMULATED_BOOT_MS: count(0, 3_600_000)
    .default(2000)
    .meta(says('of the simulated provisioner: until Windows has started')),
  VAPIORC_SIMULATED_INSTALL_MS: count(0, 3_600_000)
    .default(10_000)
    .meta(says('of the simulated provisioner: until Windows is installed')),
  VAPIORC_SIMULATED_FAILURE_RATE: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(0)
    .meta(says('of the simulated provisioner: the share of its VMs that break')),
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
    )
    .meta(
      says(
        'hosts that `isoUrl` may name whatever their addresses: names, addresses, ranges (`172.17.0.0/16`), with commas between. See [network.md](network.md#media-of-your-own)',
        'none',
      ),
    ),
  VAPIORC_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .meta(says('JSON lines on stderr, which holds nothing else; stdout is for people')),
});
