import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeWindows } from './agentRun.js';
import { guestConfig, startGuestServer } from './guestServer.js';

/** A second of waiting for an answer takes this long. */
export const SECOND_MS = 25;

/** A server, and a Windows whose settings lead to it. */
export async function startAgentWorld() {
  const server = await startGuestServer({ secondMs: SECOND_MS });
  const windows = new FakeWindows();
  const configure = (over: Record<string, string> = {}) =>
    windows.configure(guestConfig({ server: server.url, ...over }));
  configure();
  return {
    server,
    windows,
    configure,
    /** Has a command run, in the language of the script host's (see there). */
    order(command: string, over: Record<string, string> = {}) {
      const id = over.id ?? randomUUID();
      const folder = join(windows.share, 'commands', id);
      mkdirSync(folder, { recursive: true });
      server.order({ do: 'run', id, command, timeout: '60', directory: '', script: 'here', ...over });
      return { id, folder, read: (name: string) => readFileSync(join(folder, name), 'latin1') };
    },
    async close() {
      await windows.close();
      await server.close();
    },
  };
}

export type AgentWorld = Awaited<ReturnType<typeof startAgentWorld>>;
