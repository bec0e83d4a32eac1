import { access, readFile } from 'node:fs/promises';
import { Unavailable } from '../../../domain/errors.js';

export interface KvmFacts {
  platform: string;
  arch: string;
  /** Whether this process runs in a container, which sees the kernel but not its devices. */
  inContainer: boolean;
  /** Whether /dev/kvm is there for this process. */
  device: boolean;
  /** /proc/misc: the kernel's devices, seen from a container too. */
  misc: string;
  /** /proc/cpuinfo */
  cpuinfo: string;
}

/** Why VMs can't use hardware virtualization here, as far as that can be told without the engine. */
export function kvmProblem({ platform, arch, inContainer, device, misc, cpuinfo }: KvmFacts): Unavailable | undefined {
  if (platform !== 'linux') return undefined; // the engine runs in a Linux that can't be seen from here: it will tell
  const fix =
    'Enable virtualization (VT-x or AMD-V in the firmware; on a virtual machine: nested virtualization) and load the kvm module, or set VAPIORC_KVM=off to run without it, slowly.';
  const present = inContainer ? /^\s*\d+ kvm$/m.test(misc) : device;
  if (!present) return new Unavailable('kvm', 'the Docker host has no KVM: there is no /dev/kvm', fix);
  if (arch === 'x64' && !/^flags\s*:.*\b(vmx|svm)\b/m.test(cpuinfo)) {
    return new Unavailable(
      'kvm',
      'the processor of the Docker host does not offer virtualization (no flag vmx or svm in /proc/cpuinfo)',
      fix,
    );
  }
  return undefined;
}

export async function readKvmFacts(inContainer: boolean): Promise<KvmFacts> {
  const read = (path: string) => readFile(path, 'utf8').catch(() => '');
  const device = await access('/dev/kvm').then(
    () => true,
    () => false,
  );
  return {
    platform: process.platform,
    arch: process.arch,
    inContainer,
    device,
    misc: await read('/proc/misc'),
    cpuinfo: await read('/proc/cpuinfo'),
  };
}
