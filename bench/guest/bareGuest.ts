import { randomUUID } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { QEMU_TAG } from '../../test/standin/buildStandIns.js';
import { encodeKeyValues } from '../../test/standin/supervisor/keyValues.js';
import { Sandbox } from '../../test/standin/support/sandbox.js';
import type { Kit } from '../kit.js';
import { startBareServer } from './bareServer.js';

/** A guest of its own with the same agent, whose server is nothing but a long poll. */
export interface BareGuest {
  /** Waits until the guest waits for something to do. */
  polled(): Promise<void>;
  /** Has a command run; the milliseconds from the order, handed into the poll, to the result. */
  run(command: string): Promise<number>;
  stop(): Promise<void>;
}

/** `golden`: the folder of the image that it is a clone of. */
export async function startBareGuest(kit: Kit, golden: string): Promise<BareGuest> {
  const server = await startBareServer();
  const closeServer = kit.opened('bare long poll', () => server.close());
  const sandbox = new Sandbox();
  const clear = kit.opened('bare guest', () => sandbox.clear());
  const shared = sandbox.makeFolder('shared');
  const url = `http://system.lan:${server.port}`;
  const settings = { protocol: '1', server: url, id: randomUUID(), token: 'bare', role: 'vm' };
  await writeFile(join(shared, 'guest.cfg'), encodeKeyValues(settings));
  await sandbox.start({
    image: QEMU_TAG,
    storage: await sandbox.clone(golden, ['windows.boot', 'windows.vars', 'windows.rom']),
    mounts: [`${golden}:/golden:ro`, `${shared}:/shared`],
    env: { DISK_FMT: '' },
  });
  await server.polled();

  return {
    polled: () => server.polled(),
    async run(command) {
      const id = randomUUID();
      const folder = join(shared, 'commands', id);
      await mkdir(folder, { recursive: true });
      // The guest writes into it, as whoever the share's server makes of it.
      await chmod(folder, 0o2777);
      await writeFile(join(folder, 'job.cmd'), command);
      const begun = performance.now();
      const order = { do: 'run', id, command, timeout: '60', directory: '', script: 'share' };
      const { exit } = await server.order(order);
      const ms = performance.now() - begun;
      if (exit !== '0') throw new Error(`the bare guest's command ended with ${exit}`);
      return ms;
    },
    async stop() {
      await clear();
      await closeServer();
    },
  };
}
