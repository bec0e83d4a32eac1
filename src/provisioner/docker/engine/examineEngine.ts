import { networkInterfaces } from 'node:os';
import { z } from 'zod';
import { type Problem, problemsOf } from '../../../domain/check.js';
import type { Unavailable } from '../../../domain/errors.js';
import { examineNetwork } from '../network/network.js';
import type { Parts } from '../parts.js';
import { NoEngine, unlessGone } from './engine.js';
import { ENGINE_CHECKS, type EngineFacts } from './engineChecks.js';
import { kvmProblem, readKvmFacts } from './kvm.js';
import { refusalOf } from './refusalOf.js';

type Asked = Pick<Parts, 'engine' | 'settings' | 'hostPaths'>;

const Version = z.object({
  Version: z.string().max(100),
  ApiVersion: z.string().regex(/^\d+\.\d+$/),
  Os: z.string().max(100),
  Arch: z.string().max(100),
  Components: z.array(z.object({ Name: z.string() })).nullish(),
});
const Info = z
  .object({ SecurityOptions: z.array(z.string()).nullish(), BridgeNfIptables: z.boolean().nullish() })
  .catch({});

export interface Examined {
  engine: EngineFacts;
  ofEngine: Problem[];
  ofNetwork: Problem[];
}

/**
 * What is wrong with the engine and with the VMs' network, as far as it can be told before anything is begun there.
 * @throws NoEngine  and what the engine's client throws
 */
export async function examineEngine(parts: Asked): Promise<Examined> {
  const engine = await askEngine(parts);
  const ofEngine = problemsOf(ENGINE_CHECKS, engine);
  if (refusalOf('docker', ofEngine)) return { engine, ofEngine, ofNetwork: [] };
  // A container shows other interfaces than its host's.
  const interfaces = (await parts.hostPaths.inContainer()) ? {} : networkInterfaces();
  return { engine, ofEngine, ofNetwork: await examineNetwork(parts.engine, parts.settings.network, interfaces) };
}

/** Why nothing may be made on this engine, be it a network. @throws as `examineEngine` */
export async function unfitEngine(parts: Asked): Promise<Unavailable | undefined> {
  return refusalOf('docker', problemsOf(ENGINE_CHECKS, await askEngine(parts)));
}

/** Why no machine can run on this engine; undefined: nothing is known against it. @throws as `examineEngine` */
export async function engineRefusal(parts: Asked): Promise<Unavailable | undefined> {
  const { ofEngine, ofNetwork } = await examineEngine(parts);
  return refusalOf('docker', ofEngine) ?? (await kvmRefusal(parts)) ?? refusalOf('network', ofNetwork);
}

/** Why no machine can run here, as far as KVM goes. */
export async function kvmRefusal({ settings, hostPaths }: Asked): Promise<Unavailable | undefined> {
  return settings.kvm ? kvmProblem(await readKvmFacts(await hostPaths.inContainer())) : undefined;
}

async function askEngine({ engine, settings: { dockerSocket } }: Asked): Promise<EngineFacts> {
  const version = Version.safeParse(await unlessGone(engine.version()));
  if (!version.success) throw new NoEngine(`${dockerSocket} says no version of an engine`);
  const { SecurityOptions, BridgeNfIptables } = Info.parse(await engine.info());
  const has = (option: string) => (SecurityOptions ?? []).some((one) => one.split(',')[0] === `name=${option}`);
  const { Version: number, ApiVersion, Os, Arch, Components } = version.data;
  return {
    socket: dockerSocket,
    version: number,
    apiVersion: ApiVersion,
    os: Os,
    arch: Arch,
    isPodman: (Components ?? []).some(({ Name }) => /podman/i.test(Name)),
    isRootless: has('rootless'),
    remapsUsers: has('userns'),
    filtersBridges: BridgeNfIptables !== false,
  };
}
