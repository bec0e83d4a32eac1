import { Unavailable } from '../../domain/errors.js';
import type { Lead } from '../../domain/lead.js';
import { qemuAgentOff } from '../../domain/qemuAgent.js';
import { portOf } from '../hostPorts.js';
import type { Builder } from '../provisioner.js';
import { noMachine, openQemuAgent } from '../qga/openQemuAgent.js';
import { answer, answerOrThrow, claimOrThrow } from './answer.js';
import { cloneOptions, installOptions } from './createOptions.js';
import { guestUrls } from './network/guestWays.js';
import type { Parts } from './parts.js';
import { sealMachine } from './sealMachine.js';
import { start } from './start.js';

/** What changes containers and disks, for one term of this server's lead. */
export function createBuilder(parts: Parts, lead: Lead): Builder {
  const { machines, storage, settings, deployment, hostPaths } = parts;
  const guest = async (id: string, token: string, role: 'golden' | 'vm') => ({
    ...(await guestUrls(parts)),
    id,
    token,
    role,
  });
  async function onHost<F extends object>(folders: F): Promise<F> {
    const pairs = Object.entries(folders).map(
      async ([name, path]: [string, string]) => [name, await hostPaths.toHost(path)] as const,
    );
    return Object.fromEntries(await Promise.all(pairs)) as F;
  }

  return {
    install: (spec, onProgress) =>
      answer(parts, { image: settings.image, port: portOf(spec.endpoint) }, () =>
        start(parts, lead, {
          ref: { kind: 'golden', id: spec.id },
          port: portOf(spec.endpoint),
          image: settings.image,
          need: { kind: 'install', ...spec },
          isWanted: spec.isWanted,
          onProgress,
          prepare: async () => {
            const { folders, oem } = await storage.prepareInstall(
              spec.id,
              await guest(spec.id, spec.token, 'golden'),
              spec.oemBundle,
              lead.confirm,
            );
            return installOptions(
              spec,
              { ...(await onHost(folders)), asciiNames: oem?.asciiNames ?? true },
              deployment,
              settings,
            );
          },
        }),
      ),

    clone: (spec) =>
      answer(parts, { image: spec.containerImage, port: portOf(spec.endpoint) }, () =>
        start(parts, lead, {
          ref: { kind: 'vm', id: spec.id },
          port: portOf(spec.endpoint),
          image: spec.containerImage,
          need: { kind: 'clone', ...spec },
          isWanted: spec.isWanted,
          prepare: async () => {
            const folders = await storage.clone(
              spec.goldenImageId,
              spec.id,
              await guest(spec.id, spec.token, 'vm'),
              lead.confirm,
            );
            return cloneOptions(spec, await onHost(folders), deployment, settings);
          },
        }),
      ),

    async seal(goldenImageId) {
      const sealed = await answer(parts, { image: settings.image }, async () => {
        await claimOrThrow(storage);
        return parts.lock.run(goldenImageId, () => sealMachine(parts, lead, goldenImageId));
      });
      if (!('code' in sealed) || sealed.code !== 'CAPACITY_EXHAUSTED') return sealed;
      return new Unavailable('storage', sealed.message, sealed.fix); // room may be made: the seal is tried again
    },

    deleteGolden: (goldenImageId) =>
      answerOrThrow(parts, async () => {
        await claimOrThrow(storage);
        await parts.lock.run(goldenImageId, async () => {
          await lead.confirm();
          await storage.deleteGolden(goldenImageId);
        });
      }),

    destroy: (ref) =>
      answerOrThrow(parts, async () => {
        await claimOrThrow(storage);
        await parts.lock.run(ref.id, async () => {
          await machines.remove(ref, lead);
          await lead.confirm();
          await storage.remove(ref);
        });
      }),

    async qemuAgent(vmId) {
      if (!settings.qemuAgent) return qemuAgentOff();
      return answerOrThrow(parts, async () => {
        const found = await machines.find({ kind: 'vm', id: vmId });
        return found?.State.Running ? openQemuAgent(parts.engine, found.Id, lead) : noMachine();
      });
    },

    tidy: () => answerOrThrow(parts, () => parts.tools.sweep()),
  };
}
