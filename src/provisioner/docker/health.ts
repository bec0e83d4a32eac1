import { setTimeout as sleep } from 'node:timers/promises';
import { healthOf } from '../../domain/check.js';
import { CapacityExhausted, Unavailable } from '../../domain/errors.js';
import type { PartHealth } from '../../domain/health.js';
import { translate } from './answer.js';
import { examineEngine, kvmRefusal } from './engine/examineEngine.js';
import type { Parts } from './parts.js';

const LIMIT_MS = 4500;
/** Below this a guest that writes a lot may fill the disk before anybody looks. */
const LOW_DISK_BYTES = 5 * 2 ** 30;

/** How the engine and the storage are now. Never throws; answers within 5 s. */
export async function health(parts: Parts): Promise<{ provisioner: PartHealth; storage: PartHealth }> {
  const [provisioner, storage] = await Promise.all([look(parts, engineHealth), look(parts, storageHealth)]);
  return { provisioner, storage };
}

async function look(parts: Parts, part: (parts: Parts) => Promise<PartHealth>): Promise<PartHealth> {
  const late = new AbortController();
  try {
    return await Promise.race([
      part(parts),
      sleep(LIMIT_MS, undefined, { signal: late.signal }).then(
        (): PartHealth => ({ status: 'DOWN', message: `no answer within ${LIMIT_MS / 1000} s` }),
      ),
    ]);
  } catch (fault) {
    const known = translate(fault, parts);
    if (known instanceof Unavailable || known instanceof CapacityExhausted) return down(known);
    return { status: 'DOWN', message: known instanceof Error ? known.message.slice(0, 500) : 'it failed' };
  } finally {
    late.abort();
  }
}

async function engineHealth(parts: Parts): Promise<PartHealth> {
  const { settings, images } = parts;
  const { engine, ofEngine, ofNetwork } = await examineEngine(parts);
  const problems = [...ofEngine, ...ofNetwork];
  const noKvm = await kvmRefusal(parts);
  if (noKvm) problems.push({ message: noKvm.message, fix: noKvm.fix.replace(/\.$/, ''), fatal: true });
  if (problems.some(({ fatal }) => fatal)) return healthOf(problems, '');
  const found = [
    `Docker ${engine.version}, ${settings.kvm ? 'KVM' : 'without KVM (slow)'}`,
    ...(engine.remapsUsers ? ["its userns-remap is left out for VMs' containers"] : []),
    ...(settings.dockerHostLoses ? ['DOCKER_HOST is not used: VAPIORC_DOCKER_SOCKET is set and wins'] : []),
    ...((await images.has(settings.image)) ? [] : [`${settings.image} is pulled when it is first needed`]),
  ];
  return healthOf(problems, found.join('; '));
}

async function storageHealth({ storage, hostPaths, images, settings }: Parts): Promise<PartHealth> {
  const refusal = await storage.claim();
  if (refusal) return down(refusal);
  await storage.tryWriting();
  if (await images.has(settings.image)) await hostPaths.prove(settings.image);
  const { freeBytes } = await storage.room();
  const free = `${(freeBytes / 2 ** 30).toFixed(1)} GiB free`;
  if (freeBytes < LOW_DISK_BYTES) {
    return {
      status: 'DEGRADED',
      message: `${free} at ${storage.layout.root}. Free space, or delete golden images and VMs.`,
    };
  }
  const why = storage.whyNotImmutable();
  const proof = hostPaths.isProven() ? '' : '; whether Docker sees it is shown once the guest image is pulled';
  return {
    status: 'OK',
    message: `${free}${proof}${why === undefined ? '' : `; golden images can not be made immutable here (${why})`}`,
  };
}

function down(refusal: Unavailable | CapacityExhausted): PartHealth {
  return { status: 'DOWN', message: `${refusal.message}. ${refusal.fix}` };
}
