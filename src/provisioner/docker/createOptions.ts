import type { ContainerCreateOptions, MountSettings } from 'dockerode';
import { macOf } from '../../domain/mac.js';
import { portOf, RDP_OFFSET } from '../hostPorts.js';
import { MACHINE_PORTS } from '../machinePorts.js';
import type { CloneSpec, InstallSpec, MachineRef } from '../provisioner.js';
import { QGA_ARGUMENTS } from '../qga/openQemuAgent.js';
import { containerName, LABEL, machineLabels } from './labels.js';
import type { DockerSettings } from './settings.js';

/** The image stops waiting for the guest this long before the engine kills it, so that it can finish its own work. */
const STOP_MARGIN_SECONDS = 15;
const RDP_PORTS = [`${MACHINE_PORTS.rdp}/tcp`, `${MACHINE_PORTS.rdp}/udp`];

/**
 * What the image does as root of its container: Samba and dnsmasq on low ports and as other users, files of other owners, ending what it started.
 * Of an engine's usual rights these are left out: MKNOD (its devices are given), SETFCAP, AUDIT_WRITE.
 */
const CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
];
/**
 * What a container may use beside its guest's memory: QEMU's own (some 150 MiB), Samba, the web server, and while it installs the tools that
 * unpack the medium. What is read and written through the page cache counts too, and is given back when memory is short.
 */
const OVERHEAD_MIB = 1024;

interface Order {
  ref: MachineRef;
  deployment: string;
  image: string;
  spec: Pick<InstallSpec & CloneSpec, 'vmType' | 'language' | 'cpuCores' | 'ramMiB' | 'diskGiB' | 'endpoint'>;
  env: Record<string, string>;
  /** Path in the container → path on the Docker host. */
  mounts: { target: string; source: string; readOnly: boolean }[];
  settings: DockerSettings;
}

/** The container of an installation. */
export function installOptions(
  spec: InstallSpec,
  folders: { storage: string; shared: string; oem?: string; asciiNames: boolean },
  deployment: string,
  settings: DockerSettings,
): ContainerCreateOptions {
  return createOptions({
    ref: { kind: 'golden', id: spec.id },
    deployment,
    image: settings.image,
    spec,
    // An own medium takes the place of the version.
    env: {
      VERSION: spec.isoUrl ?? spec.vmType,
      DISK_FMT: 'qcow2',
      // Without it the image garbles the names; with it, it reads old setup files, which are in no UTF-8, otherwise than it was tried with.
      ...(folders.asciiNames ? {} : { LC_ALL: 'C.UTF-8' }),
    },
    mounts: [
      { target: '/storage', source: folders.storage, readOnly: false },
      { target: '/shared', source: folders.shared, readOnly: false },
      ...(folders.oem === undefined ? [] : [{ target: '/oem', source: folders.oem, readOnly: true }]),
    ],
    settings,
  });
}

/** The container of a clone. */
export function cloneOptions(
  spec: CloneSpec,
  folders: { storage: string; shared: string; golden: string },
  deployment: string,
  settings: DockerSettings,
): ContainerCreateOptions {
  return createOptions({
    ref: { kind: 'vm', id: spec.id },
    deployment,
    image: spec.containerImage,
    spec,
    // The page cache, not each QEMU, then keeps what is read of the golden disk: once for all clones.
    // DISK_FMT stays unset: any value could make the image convert the overlay into a full disk.
    env: { VERSION: spec.vmType, DISK_CACHE: 'writeback', DISK_IO: 'threads' },
    mounts: [
      { target: '/storage', source: folders.storage, readOnly: false },
      { target: '/shared', source: folders.shared, readOnly: false },
      { target: '/golden', source: folders.golden, readOnly: true },
    ],
    settings,
  });
}

function createOptions({ ref, deployment, image, spec, env, mounts, settings }: Order): ContainerCreateOptions {
  const nat = settings.networkMode === 'nat';
  const variables: Record<string, string> = {
    ...env,
    LANGUAGE: spec.language,
    RAM_SIZE: `${spec.ramMiB}M`,
    // The image would lower the memory silently when the host is busy; capacity is ours to count.
    RAM_CHECK: 'N',
    CPU_CORES: String(spec.cpuCores),
    // The same string for golden image and clone: a larger one would grow the clone's disk.
    DISK_SIZE: `${spec.diskGiB}G`,
    UUID: ref.id,
    MAC: macOf(ref.id),
    TIMEOUT: String(settings.stopTimeoutSeconds - STOP_MARGIN_SECONDS),
    ...(settings.kvm ? {} : { KVM: 'N' }),
    ...(nat ? {} : { NETWORK: 'user' }),
    ...(settings.qemuAgent ? { ARGUMENTS: QGA_ARGUMENTS } : {}),
  };
  const memoryBytes = (spec.ramMiB + OVERHEAD_MIB) * 2 ** 20;
  const publish = (port: number) => [{ HostIp: settings.publishAddress, HostPort: String(port) }];
  const device = (path: string) => ({ PathOnHost: path, PathInContainer: path, CgroupPermissions: 'rwm' });
  return {
    name: containerName(ref),
    Image: image,
    Env: Object.entries(variables).map(([key, value]) => `${key}=${value}`),
    Tty: false, // with one the image asks questions
    Labels: {
      ...machineLabels(ref, deployment),
      [LABEL.vmType]: spec.vmType,
      [LABEL.ramMiB]: String(spec.ramMiB),
      [LABEL.cpuCores]: String(spec.cpuCores),
    },
    ExposedPorts: Object.fromEntries(RDP_PORTS.map((port) => [port, {}])),
    StopTimeout: settings.stopTimeoutSeconds,
    HostConfig: {
      NetworkMode: settings.network,
      // Where the engine remaps users, its root may neither read the storage nor open /dev/kvm.
      UsernsMode: 'host',
      // Mounts, not Binds: with those a path that is missing on the Docker host would become an empty folder.
      Mounts: mounts.map(
        ({ target, source, readOnly }): MountSettings => ({
          Type: 'bind',
          Target: target,
          Source: source,
          ReadOnly: readOnly,
        }),
      ),
      Devices: [...(settings.kvm ? [device('/dev/kvm')] : []), ...(nat ? [device('/dev/net/tun')] : [])],
      CapDrop: ['ALL'],
      CapAdd: [...CAPABILITIES, ...(nat ? ['NET_ADMIN'] : [])],
      SecurityOpt: ['no-new-privileges'],
      Memory: memoryBytes,
      MemorySwap: memoryBytes, // the same: none of it swapped out
      RestartPolicy: { Name: 'no' },
      AutoRemove: false,
      PidsLimit: 4096,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
      PortBindings: Object.fromEntries(RDP_PORTS.map((port) => [port, publish(portOf(spec.endpoint) + RDP_OFFSET)])),
    },
  };
}
