import { guestToken } from '../db/deployment.js';
import { getImage } from '../db/images.js';
import { silentVms } from '../db/sightings.js';
import { getVm, lockVm, moveVm, type Vm } from '../db/vms.js';
import { Refusal } from '../domain/errors.js';
import { makesWait, vmStep } from '../domain/vm.js';
import { Broken, Unwanted, Waiting } from '../provisioner/provisioner.js';
import { failVm } from '../transitions/failVm.js';
import { reportVmReady } from '../transitions/reportGuest.js';
import { blockPool } from './blockPool.js';
import { type Deps, type Outcome, sinceLed } from './deps.js';
import { explainerOf, withEndOfLogs } from './endOfLogs.js';
import { noteGoldenProblem } from './noteGoldenProblem.js';
import { releaseIf } from './releaseIf.js';
import { whySilent } from './silentVm.js';
import { startMachine } from './startMachine.js';
import { makeWait, tellNotReady } from './tellNotReady.js';

/** Looks at one VM and does the one next thing for it. The decision is pure (`vmStep`). */
export async function reconcileVm(deps: Deps, vmId: string): Promise<Outcome> {
  const { db, provisioner, now, bootTimeoutMs, readiness } = deps;
  const vm = await getVm(db, vmId); // read now, not taken from the list that led here
  if (vm === null) return;
  const machine = await provisioner.inspect({ kind: 'vm', id: vmId });
  const silentMs = (await silentVms(db, readiness === 'agent', vmId)).get(vmId);
  const explainExit = await explainerOf(deps, { kind: 'vm', id: vmId }, machine, {
    wasReady: vm.readyAt !== null,
    isoUrl: false,
  });
  const step = vmStep({ ...sinceLed(vm, deps), silentMs }, machine, now(), bootTimeoutMs, explainExit);
  switch (step.do) {
    case 'nothing':
      return;
    case 'start':
      return startVm(deps, vm);
    case 'probe':
      if (readiness !== 'agent' && (await provisioner.answersRdp(vmId))) await reportVmReady(deps, vmId);
      return;
    case 'look': {
      const why = await whySilent(deps, vmId, step.silentMs);
      return why === undefined ? undefined : breakVm(deps, vm, why);
    }
    case 'tell':
      return tellNotReady(deps, vm, step.reason);
    case 'wait':
      return makeWait(deps, vm, step.reason);
    case 'clean':
      return cleanVm(deps, vm);
    case 'record':
      return breakVm(deps, vm, step.reason ?? step.event);
    default:
      step satisfies never;
  }
}

async function startVm(deps: Deps, vm: Vm): Promise<Outcome> {
  const { db, write, provisioner, deployment, log } = deps;
  const image = await getImage(db, vm.goldenImageId);
  // Its image was taken out of use before it was started: nothing of it has failed.
  if (image?.status !== 'READY')
    return releaseIf(
      deps,
      vm.id,
      ({ status }) => status === 'REQUESTED',
      `its golden image is ${image?.status ?? 'gone'}`,
    );
  // A spare waits until the image is whole again: tried again and again it would only break.
  const waits = async (problem: string | null) => {
    if (problem === null || !vm.hotSpare) return false;
    await blockPool(deps, vm.poolId, problem);
    return true;
  };
  if (await waits(image.problem)) return 'refused';
  let started: Awaited<ReturnType<typeof startMachine>>;
  try {
    started = await startMachine(deps, { kind: 'vm', id: vm.id }, (endpoint) =>
      provisioner.clone({
        id: vm.id,
        goldenImageId: image.id,
        vmType: vm.vmType,
        containerImage: image.containerImage ?? '',
        language: image.language,
        cpuCores: vm.cpuCores,
        ramMiB: vm.ramMiB,
        diskGiB: image.diskGiB,
        endpoint,
        token: guestToken(deployment, vm.id),
        isWanted: async () => (await getVm(db, vm.id))?.status === 'REQUESTED',
      }),
    );
  } catch (err) {
    if (err instanceof Unwanted) return;
    if (!(err instanceof Broken)) throw err;
    if (await waits(await noteGoldenProblem(deps, image))) return 'refused';
    return breakVm(deps, vm, err.message);
  }
  if (started instanceof Refusal) {
    await blockPool(deps, vm.poolId, `${started.message}. ${started.fix}`);
    return 'refused';
  }
  if (started instanceof Waiting) {
    const why = makesWait(started.reason);
    await tellNotReady(deps, vm, why);
    await blockPool(deps, vm.poolId, why);
    return 'refused';
  }
  const { engineId } = started;
  await write(async (tx, tell) => {
    const latest = await lockVm(tx, vm.id);
    if (latest === null) return;
    // A quick guest may have reported already: then only the container is news.
    const moved = await moveVm(tx, latest, 'STARTED', { engineId, notReady: null });
    if (moved === undefined) await tx.vm.update({ where: { id: vm.id }, data: { engineId } });
    else {
      const data = { port: provisioner.endpoints(latest.endpoint)?.screen.port ?? null };
      tell({ kind: 'VM_BOOTING', vmType: vm.vmType, vmId: vm.id, data });
    }
  });
  log.info({ vmId: vm.id, imageId: image.id }, 'vm started');
}

async function cleanVm(deps: Deps, vm: Vm): Promise<void> {
  const { write, provisioner, log } = deps;
  // Whoever found that it failed may not have known its log, which goes with it.
  const reason =
    vm.status === 'FAILED' ? await withEndOfLogs(deps, { kind: 'vm', id: vm.id }, vm.reason ?? '') : vm.reason;
  await provisioner.destroy({ kind: 'vm', id: vm.id });
  await write(
    async (tx, tell) => {
      const latest = await lockVm(tx, vm.id);
      if (latest === null || latest.cleanedAt !== null) return;
      await tx.sighting.deleteMany({ where: { vmId: vm.id } });
      const clean = { cleanedAt: tx.clock.now(), endpoint: null, engineId: null, reason };
      const subject = { vmType: vm.vmType, vmId: vm.id } as const;
      const gone = await moveVm(tx, latest, 'GONE', clean);
      if (gone) return tell({ kind: 'VM_DESTROYED', ...subject, ...(vm.reason !== null && { reason: vm.reason }) });
      await tx.vm.update({ where: { id: vm.id }, data: clean });
      tell({ kind: 'VM_CLEANED', ...subject });
    },
    { makesRoom: true },
  );
  log.info({ vmId: vm.id, status: vm.status }, 'vm destroyed');
}

/** FAILED with the reason; whoever held it is told, and a pool whose VM was in nobody's hands rests for a while. */
async function breakVm(deps: Deps, vm: Vm, why: string): Promise<void> {
  const { write, now, log } = deps;
  const reason = await withEndOfLogs(deps, { kind: 'vm', id: vm.id }, why);
  const moved = await write(
    async (tx, tell) => {
      const latest = await lockVm(tx, vm.id);
      // Decided on a status that is no longer so: look again.
      if (latest === null || latest.generation !== vm.generation) return undefined;
      return failVm(tx, tell, latest, reason, now());
    },
    { makesRoom: true },
  );
  if (moved) log.warn({ vmId: vm.id, from: vm.status, reason }, 'vm failed');
}
