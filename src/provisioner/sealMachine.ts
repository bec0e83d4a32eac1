import type { QemuImg } from '../storage/qemuImg.js';
import { demuxLogs } from './demuxLogs.js';
import { statusOf, unlessGone } from './engine.js';
import { LABEL } from './labels.js';
import type { Parts } from './parts.js';
import { Broken, type MachineRef, type Sealed } from './provisioner.js';
import { runTool } from './runTool.js';
import { uncleanShutdown } from './shutdownLog.js';

/** The engine's own part of a stop, on top of what the guest gets. */
const STOP_MARGIN_MS = 60_000;
const LOG_TAIL_LINES = 500;
const QEMU_IMG_LIMIT_MS = 30 * 60_000;

/**
 * Shuts an installation down and makes a golden image of it. In each state that a killed call can leave it finds its
 * way on: container running, container ended, image published, container gone.
 */
export async function sealMachine(parts: Parts, imageId: string): Promise<Sealed> {
  const { machines, storage, engine, settings } = parts;
  const ref: MachineRef = { kind: 'golden', id: imageId };
  const container = await machines.find(ref);
  if (!(await storage.isSealed(imageId))) {
    if (!container) throw new Broken('the container of the installation vanished before its disk was checked');
    if (container.State.Running) await stop(parts, container.Id);
    const logs = await engine.patient
      .getContainer(container.Id)
      .logs({ stdout: true, stderr: true, tail: LOG_TAIL_LINES });
    const unclean = uncleanShutdown(Buffer.isBuffer(logs) ? demuxLogs(logs).both : '');
    if (unclean !== undefined) throw new Broken(unclean);
  }
  const containerImage = container?.Config.Image ?? settings.image;
  const manifest = await storage.seal(
    { imageId, vmType: container?.Config.Labels[LABEL.vmType] ?? '', containerImage },
    qemuImgInContainer(parts, containerImage),
  );
  await machines.remove(ref);
  await storage.remove(ref);
  return { sizeBytes: manifest.disk.size, sha256: manifest.disk.sha256 };
}

async function stop({ engine, settings }: Parts, containerId: string): Promise<void> {
  const seconds = settings.stopTimeoutSeconds;
  const abortSignal = AbortSignal.timeout(seconds * 1000 + STOP_MARGIN_MS);
  await unlessGone(engine.patient.getContainer(containerId).stop({ t: seconds, abortSignal })).catch(
    (fault: unknown) => {
      if (statusOf(fault) !== 304) throw fault; // 304: it has ended meanwhile
    },
  );
}

/** For servers on a machine without QEMU: the guest image brings it along. */
function qemuImgInContainer({ engine, deployment, hostPaths }: Parts, image: string): QemuImg {
  return async (args, folder, access) => {
    await hostPaths.prove(image);
    return runTool(engine, deployment, {
      image,
      command: ['qemu-img', ...args],
      mounts: [{ target: '/vapiorc-disk', source: await hostPaths.toHost(folder), readOnly: access === 'ro' }],
      workingDir: '/vapiorc-disk',
      limitMs: QEMU_IMG_LIMIT_MS,
    });
  };
}
