import { guestToken } from '../db/deployment.js';
import { type GoldenImage, getImage, lockImage, makeCurrent, moveImage } from '../db/images.js';
import { Refusal } from '../domain/errors.js';
import { imageStep } from '../domain/image.js';
import { makesWait } from '../domain/vm.js';
import { Broken, type InstallProgress, Unwanted, Waiting } from '../provisioner/provisioner.js';
import { noteProgress } from '../transitions/noteProgress.js';
import { type Deps, type Outcome, sinceLed } from './deps.js';
import { explainerOf, withEndOfLogs } from './endOfLogs.js';
import { noteGoldenProblem } from './noteGoldenProblem.js';
import { startMachine } from './startMachine.js';
import { noteHeard, watchInstall } from './watchInstall.js';

/** Looks at one golden image and does the one next thing for it. The decision is pure (`imageStep`). */
export async function reconcileImage(deps: Deps, imageId: string): Promise<Outcome> {
  const { db, provisioner, now, installTimeoutMs, readiness } = deps;
  const image = await getImage(db, imageId);
  if (image === null) return;
  if (image.status === 'READY') return void (await noteGoldenProblem(deps, image));
  const ref = { kind: 'golden', id: imageId } as const;
  const machine = await provisioner.inspect(ref);
  const step = imageStep(
    sinceLed(image, deps),
    machine,
    now(),
    installTimeoutMs,
    await explainerOf(deps, ref, machine, { wasReady: false, isoUrl: image.isoUrl !== null }),
    readiness === 'agent',
  );
  try {
    switch (step.do) {
      case 'nothing':
        return;
      case 'start':
        return await install(deps, image);
      case 'watch':
        return await watchInstall(deps, image);
      case 'wait':
        return await makeWait(deps, image, step.reason);
      case 'seal':
        return await seal(deps, image);
      case 'clean':
        return await clean(deps, image);
      case 'record':
        return step.event === 'INSTALLED'
          ? await noteInstalled(deps, image)
          : await breakImage(deps, image, step.reason ?? step.event);
      default:
        step satisfies never;
    }
  } catch (err) {
    if (err instanceof Unwanted) return;
    if (err instanceof Broken) return breakImage(deps, image, err.message);
    throw err;
  }
}

async function install(deps: Deps, image: GoldenImage): Promise<Outcome> {
  const { write, provisioner, deployment, log, now } = deps;
  const { id, vmType } = image;
  // Notes are written one after another and only the newest matters, so a slow database does not pile them up.
  let newest: InstallProgress | undefined;
  let noting: Promise<void> | undefined;
  const note = async () => {
    while (newest !== undefined) {
      const progress = newest;
      newest = undefined;
      await noteHeard(deps, id, progress).catch((err: unknown) =>
        log.warn({ err, imageId: id }, 'progress was not noted'),
      );
    }
    noting = undefined;
  };
  const isWanted = async () => (await getImage(deps.db, id))?.status === 'REQUESTED';
  const started = await startMachine(deps, { kind: 'golden', id }, (endpoint) =>
    provisioner.install({ ...image, endpoint, token: guestToken(deployment, id), isWanted }, (progress) => {
      newest = progress;
      noting ??= note();
    }),
  );
  await noting;
  if (started instanceof Refusal || started instanceof Waiting) {
    const why = started instanceof Waiting ? makesWait(started.reason) : `${started.message}. ${started.fix}`;
    const message = `waiting: ${why}`;
    await noteProgress(deps, id, { phase: image.phase ?? 'PULLING', share: null, message, runs: false }, now());
    return 'refused';
  }
  await write(async (tx, tell) => {
    const latest = await lockImage(tx, id);
    if (latest === null) return;
    const facts = {
      engineId: started.engineId,
      containerImage: started.containerImage,
      // A quick guest may have reported already.
      startedAt: latest.installedAt ?? now(),
    };
    const moved = await moveImage(tx, latest, 'STARTED', facts);
    if (moved === undefined) await tx.goldenImage.update({ where: { id }, data: facts });
    else
      tell({
        kind: 'GOLDEN_IMAGE_INSTALLING',
        vmType,
        goldenImageId: id,
        data: { port: provisioner.endpoints(latest.endpoint)?.screen.port ?? null },
      });
  });
  log.info({ imageId: id, vmType, containerImage: started.containerImage }, 'installation started');
}

/** The engine makes an installation wait that it had started: it is asked for anew, and that says why it waits. */
async function makeWait({ write, log }: Deps, image: GoldenImage, reason: string): Promise<void> {
  const message = `waiting: ${reason}`;
  const moved = await write(async (tx, tell) => {
    const latest = await lockImage(tx, image.id);
    if (latest?.generation !== image.generation) return undefined;
    const moved = await moveImage(tx, latest, 'WAITS', { message });
    const { vmType, id: goldenImageId } = image;
    if (moved) tell({ kind: 'GOLDEN_IMAGE_PROGRESS', vmType, goldenImageId, data: { message } });
    return moved;
  });
  if (moved) log.info({ imageId: image.id, reason }, 'an installation is to be started anew');
}

async function noteInstalled({ write }: Deps, image: GoldenImage): Promise<void> {
  await write(async (tx, tell) => {
    const latest = await lockImage(tx, image.id);
    const moved = latest && (await moveImage(tx, latest, 'INSTALLED'));
    if (moved) {
      const reason = 'the guest shut itself down';
      tell({
        kind: 'GOLDEN_IMAGE_SEALING',
        vmType: image.vmType,
        goldenImageId: image.id,
        reason,
      });
    }
  });
}

async function seal({ write, provisioner, log, now }: Deps, image: GoldenImage): Promise<Outcome> {
  const started = now().getTime();
  const sealed = await provisioner.seal(image.id);
  if (sealed instanceof Refusal) {
    log.warn({ imageId: image.id, why: sealed.message }, 'sealing waits');
    return 'refused';
  }
  const { sizeBytes, sha256 } = sealed;
  await write(async (tx, tell) => {
    const latest = await lockImage(tx, image.id);
    if (latest === null) return;
    const moved = await moveImage(tx, latest, 'SEALED', {
      sizeBytes: BigInt(sizeBytes),
      sha256,
      readyAt: tx.clock.now(),
      endpoint: null,
      engineId: null,
      phase: null,
      progress: 1,
      message: null,
    });
    if (moved === undefined) return;
    await tx.installScreenshot.deleteMany({ where: { goldenImageId: image.id } });
    await makeCurrent(tx, moved);
    const { vmType, version } = image;
    tell({
      kind: 'GOLDEN_IMAGE_READY',
      vmType,
      goldenImageId: image.id,
      data: { version, sizeBytes, sha256 },
    });
  });
  log.info(
    { imageId: image.id, vmType: image.vmType, sizeBytes, sealMs: now().getTime() - started },
    'golden image ready',
  );
}

/** What a FAILED installation or a DELETED image left. The files of a sealed image that FAILED later stay until it is deleted. */
async function clean(deps: Deps, image: GoldenImage): Promise<void> {
  const { write, provisioner, log } = deps;
  // The guest itself may have said that it failed; what else there is to know of that is gone after this.
  const reason =
    image.status === 'FAILED' && (await withEndOfLogs(deps, { kind: 'golden', id: image.id }, image.reason ?? ''));
  await provisioner.destroy({ kind: 'golden', id: image.id });
  if (image.status === 'DELETED') await provisioner.deleteGolden(image.id);
  await write(
    async (tx, tell) => {
      const { count } = await tx.goldenImage.updateMany({
        where: { id: image.id, status: image.status, cleanedAt: null },
        data: { cleanedAt: tx.clock.now(), endpoint: null, engineId: null, ...(reason && { reason }) },
      });
      if (count > 0) tell({ kind: 'GOLDEN_IMAGE_CLEANED', vmType: image.vmType, goldenImageId: image.id });
    },
    { makesRoom: true },
  );
  log.info({ imageId: image.id, status: image.status }, 'golden image cleaned up');
}

async function breakImage(deps: Deps, image: GoldenImage, why: string): Promise<void> {
  const { write, log } = deps;
  const reason = await withEndOfLogs(deps, { kind: 'golden', id: image.id }, why);
  const moved = await write(
    async (tx, tell) => {
      const latest = await lockImage(tx, image.id);
      if (latest === null || latest.generation !== image.generation) return undefined;
      const moved = await moveImage(tx, latest, 'BROKE', { reason, current: false });
      if (moved)
        tell({
          kind: 'GOLDEN_IMAGE_FAILED',
          vmType: image.vmType,
          goldenImageId: image.id,
          reason,
        });
      return moved;
    },
    { makesRoom: true },
  );
  if (moved) log.warn({ imageId: image.id, from: image.status, reason }, 'golden image failed');
}
