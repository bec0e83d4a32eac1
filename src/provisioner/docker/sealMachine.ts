import type { Lead } from '../../domain/lead.js';
import type { QemuImg } from '../../storage/qemuImg.js';
import { Broken, type MachineRef, type Sealed } from '../provisioner.js';
import { demuxLogs } from './demuxLogs.js';
import { LABEL } from './labels.js';
import type { Parts } from './parts.js';
import { uncleanShutdown } from './shutdownLog.js';

const LOG_TAIL_LINES = 500;
const QEMU_IMG_LIMIT_MS = 30 * 60_000;

/**
 * Shuts an installation down and makes a golden image of it. In each state that a killed call can leave it finds its
 * way on: container running, container ended, image published, container gone.
 */
export async function sealMachine(parts: Parts, lead: Lead, imageId: string): Promise<Sealed> {
  const { machines, storage, engine, settings } = parts;
  const ref: MachineRef = { kind: 'golden', id: imageId };
  const container = await machines.find(ref);
  if (!(await storage.isSealed(imageId))) {
    if (!container) throw new Broken('the container of the installation vanished before its disk was checked');
    if (container.State.Running) await machines.stop(container.Id, settings.stopTimeoutSeconds, lead);
    const logs = await engine.getContainer(container.Id).logs({ stdout: true, stderr: true, tail: LOG_TAIL_LINES });
    const unclean = uncleanShutdown(Buffer.isBuffer(logs) ? demuxLogs(logs).both : '');
    if (unclean !== undefined) throw new Broken(unclean);
  }
  const containerImage = container?.Config.Image ?? settings.image;
  const manifest = await storage.seal(
    { imageId, vmType: container?.Config.Labels[LABEL.vmType] ?? '', containerImage },
    qemuImgInContainer(parts, containerImage),
    lead.confirm,
  );
  await machines.remove(ref, lead);
  await storage.remove(ref);
  return { sizeBytes: manifest.disk.size, sha256: manifest.disk.sha256 };
}

/** For servers on a machine without QEMU: the guest image brings it along. */
function qemuImgInContainer({ tools, hostPaths }: Parts, image: string): QemuImg {
  return async (args, folder, access) => {
    await hostPaths.prove(image);
    return tools.run({
      image,
      command: ['qemu-img', ...args],
      mounts: [{ target: '/vapiorc-disk', source: await hostPaths.toHost(folder), readOnly: access === 'ro' }],
      workingDir: '/vapiorc-disk',
      limitMs: QEMU_IMG_LIMIT_MS,
    });
  };
}
