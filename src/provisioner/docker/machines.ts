import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerCreateOptions, ContainerInspectInfo } from 'dockerode';
import type { Lead } from '../../domain/lead.js';
import type { Machine } from '../../domain/vm.js';
import type { MachineRef } from '../provisioner.js';
import { type Engine, statusOf, unlessGone } from './engine/engine.js';
import { containerName, LABEL, refOf } from './labels.js';

const REMOVAL_LIMIT_MS = 60_000;
const POLL_MS = 50;

/** The containers of this deployment's machines. */
export class Machines {
  constructor(
    readonly engine: Engine,
    readonly deployment: string,
    /** Name of the VMs' network. */
    readonly network: string,
  ) {}

  /** The container of this machine, if it is there and ours. */
  async find(ref: MachineRef): Promise<ContainerInspectInfo | undefined> {
    const found = await unlessGone(this.engine.getContainer(containerName(ref)).inspect());
    const owner = refOf(found?.Config.Labels, this.deployment);
    return owner?.kind === ref.kind && owner.id === ref.id ? found : undefined;
  }

  async list(): Promise<{ ref: MachineRef; machine: Machine }[]> {
    const found = await this.engine.listContainers({
      all: true,
      filters: { label: [`${LABEL.deployment}=${this.deployment}`] },
    });
    return found.flatMap(({ Id, Labels, State, Status, NetworkSettings }) => {
      const ref = refOf(Labels, this.deployment);
      if (!ref) return [];
      const state = stateOf(State);
      // A list has the exit code only in its words: "Exited (137) 5 minutes ago".
      const code = /^Exited \((\d+)\)/.exec(Status)?.[1];
      return [
        {
          ref,
          machine: {
            engineId: Id,
            state,
            ...(state === 'exited' && code !== undefined ? { exitCode: Number(code) } : {}),
            ...disconnection(state, NetworkSettings.Networks, this.network),
          },
        },
      ];
    });
  }

  /** Makes a container that does not run yet; answers its id. */
  async create(options: ContainerCreateOptions, lead: Lead): Promise<string> {
    await lead.confirm();
    const { id } = await this.engine.createContainer(options);
    return id;
  }

  async start(id: string, lead: Lead): Promise<void> {
    await lead.confirm();
    await this.engine.getContainer(id).start();
  }

  /** Ends it as a power button does, and after `seconds` by force. Ended or gone already is fine. */
  async stop(id: string, seconds: number, lead: Lead): Promise<void> {
    await lead.confirm();
    await unlessGone(this.engine.getContainer(id).stop({ t: seconds })).catch((fault: unknown) => {
      if (statusOf(fault) !== 304) throw fault; // 304: it has ended meanwhile
    });
  }

  /**
   * Removes a container that was seen and had never run, this one and no other of its name. Refused by the engine when it runs after
   * all: then it is somebody's machine.
   */
  async removeUnstarted(id: string, lead: Lead): Promise<void> {
    await lead.confirm();
    await unlessGone(this.engine.getContainer(id).remove({ v: true }));
  }

  /**
   * Removes the machine's container with its volumes, at once, whatever it does: for a machine that nobody will want again.
   * Resolves when they are seen to be gone; gone already is fine.
   */
  async remove(ref: MachineRef, lead: Lead): Promise<void> {
    const found = await this.find(ref);
    if (!found) return;
    const container = this.engine.getContainer(found.Id);
    await lead.confirm();
    await unlessGone(container.remove({ force: true, v: true })).catch((fault: unknown) => {
      if (statusOf(fault) !== 409) throw fault; // 409: a removal is in progress
    });
    const volumes = found.Mounts.flatMap((mount) => (mount.Type === 'volume' && mount.Name ? [mount.Name] : []));
    for (const end = Date.now() + REMOVAL_LIMIT_MS; ; ) {
      const left = await Promise.all([
        unlessGone(container.inspect()),
        ...volumes.map((name) => unlessGone(this.engine.getVolume(name).inspect())),
      ]);
      if (left.every((one) => one === undefined)) return;
      if (Date.now() > end)
        throw new Error(`the container ${found.Name} is still there ${REMOVAL_LIMIT_MS / 1000} s after its removal`);
      await sleep(POLL_MS);
    }
  }
}

export function machineOf({ Id, State, NetworkSettings }: ContainerInspectInfo, network: string): Machine {
  const state = stateOf(State.Status);
  const startedAt = new Date(State.StartedAt);
  return {
    engineId: Id,
    state,
    ...(state === 'exited' ? { exitCode: State.ExitCode } : {}),
    ...disconnection(state, NetworkSettings.Networks, network),
    ...(startedAt.getTime() > 0 ? { startedAt } : {}), // the engine's "never" is the year 1
  };
}

/** Address of a container in a network, or undefined while it has none. */
export function addressOf(container: ContainerInspectInfo | undefined, network: string): string | undefined {
  return container?.NetworkSettings.Networks[network]?.IPAddress || undefined;
}

/** One that has ended has left its network by itself. */
function disconnection(state: Machine['state'], networks: Record<string, unknown>, network: string) {
  return (state === 'running' || state === 'paused') && !(network in networks) ? { disconnected: true } : {};
}

function stateOf(word: string): Machine['state'] {
  if (word === 'created' || word === 'paused') return word;
  return word === 'running' || word === 'restarting' ? 'running' : 'exited';
}
