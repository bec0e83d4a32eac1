import { runCommand } from '../../../src/actions/command/runCommand.js';
import type { Command } from '../../../src/db/commands.js';
import { aVm } from '../../support/rows.js';
import { type Engine, startWorld, type World } from '../../support/world.js';
import { Agent, type GuestValues } from './agent.js';
import { type Shares, startShares } from './shares.js';

/** VMs in somebody's hands whose agents call in, with real folders as their shares. */
export interface Scene {
  world: World;
  shares: Shares;
  /** A VM in somebody's hands whose agent has reported. */
  working: (facts?: GuestValues) => Promise<{ vmId: string; agent: Agent }>;
  /** Has a command run; its id. */
  run: (vmId: string, over?: Partial<Parameters<typeof runCommand>[1]>) => Promise<string>;
  commandOf: (id: string) => Promise<Command>;
  /** Another server of the same database. */
  anotherServer: () => Promise<World>;
  close: () => Promise<void>;
}

export async function startScene(): Promise<Scene> {
  const shares = startShares();
  const engine: Engine = { share: ({ id }) => shares.share(id) };
  const world = await startWorld({}, { engine });
  return {
    world,
    shares,
    async working(facts = {}) {
      const { id: vmId } = await aVm(world.db, { status: 'ASSIGNED' });
      const agent = new Agent(world, vmId);
      await agent.ready(facts);
      return { vmId, agent };
    },
    async run(vmId, over = {}) {
      const command = await runCommand(world, { vmId, command: 'ver', ...over });
      if (command instanceof Error) throw command;
      return command.id;
    },
    commandOf: (id) => world.db.command.findUniqueOrThrow({ where: { id } }),
    anotherServer: () => startWorld({}, { engine, on: world }),
    async close() {
      await world.close();
      shares.remove();
    },
  };
}
