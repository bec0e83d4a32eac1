import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import { until } from '../../support/until.js';

const oem = fileURLToPath(new URL('../../../oem/', import.meta.url));
const installBat = readFileSync(`${oem}install.bat`, 'latin1');

/** The parts of the agent in the order in which install.bat joins them. */
export const agentParts = [...installBat.matchAll(/"%PARTS%\\(\w+\.js)"/g)].map(([, name]) => name ?? '');
export const agentText = agentParts.map((name) => readFileSync(`${oem}agent/${name}`, 'utf8')).join('');

const scriptHost = buildSync({
  entryPoints: [fileURLToPath(new URL('scriptHost.ts', import.meta.url))],
  bundle: true,
  platform: 'node',
  format: 'cjs',
  write: false,
}).outputFiles[0]?.text;

/** What the agent did to its Windows, as it happened. */
export interface Deed {
  run?: string;
  exec?: string;
  directory?: string;
  regWrite?: string;
  wmi?: string;
  privilege?: number;
  quit?: number;
  request?: number;
  url?: string;
  body?: string;
  /** The agent's own clock. */
  at?: number;
}

/** A made-up Windows whose agent runs in a thread of its own. */
export class FakeWindows {
  readonly folder = mkdtempSync(join(tmpdir(), 'vapiorc-agent-'));
  readonly share = join(this.folder, 'share');
  readonly drive = join(this.folder, 'c');
  readonly #knobs = new Int32Array(new SharedArrayBuffer(12));
  readonly #workers: Worker[] = [];

  constructor() {
    mkdirSync(join(this.share, 'commands'), { recursive: true });
    mkdirSync(this.drive);
    this.#knobs[1] = 25;
  }

  /** `all`: it can be read and written. */
  set shareIs(state: 'all' | 'gone' | 'readonly') {
    Atomics.store(this.#knobs, 0, state === 'all' ? 0 : state === 'gone' ? 1 : 2);
  }

  /** Milliseconds that a second of sleeping takes: where two agents watch each other, as many as one of waiting. */
  set sleptSecondMs(ms: number) {
    Atomics.store(this.#knobs, 2, ms);
  }

  configure(text: string): void {
    writeFileSync(join(this.share, 'guest.cfg'), text);
  }

  /** Starts the agent and returns what it does from then on; `stop` ends it as a power cut does. */
  start(options: { args?: string[]; registry?: Record<string, string>; host?: string; wmi?: boolean } = {}) {
    const { port1, port2 } = new MessageChannel();
    const signal = new Int32Array(new SharedArrayBuffer(4));
    const workerData = {
      agent: agentText,
      args: options.args ?? ['desktop'],
      host: options.host ?? 'C:\\windows\\system32\\cscript.exe',
      drive: this.drive,
      share: this.share,
      registry: options.registry ?? {},
      signal,
      port: port2,
      knobs: this.#knobs,
      wmi: options.wmi ?? true,
    };
    const worker = new Worker(scriptHost ?? '', { eval: true, workerData, transferList: [port2] });
    this.#workers.push(worker);
    const deeds: Deed[] = [];
    const faults: unknown[] = [];
    worker.on('error', (err) => faults.push(err));
    worker.on('message', (deed: Deed & { headers?: Record<string, string> }) => {
      deeds.push(deed);
      if (deed.request === undefined) return;
      const answer = (message: object) => {
        port1.postMessage({ request: deed.request, ...message });
        Atomics.store(signal, 0, 1);
        Atomics.notify(signal, 0);
      };
      fetch(deed.url ?? '', { method: 'POST', body: deed.body ?? '', headers: deed.headers ?? {} }).then(
        async (res) => answer({ status: res.status, text: await res.text(), headers: Object.fromEntries(res.headers) }),
        (err) => answer({ error: String(err) }),
      );
    });
    return {
      deeds,
      faults,
      runs: () => deeds.flatMap(({ run }) => (run === undefined ? [] : [run])),
      /** The agent's clock at each request, from the first, in seconds. */
      requestSeconds: () => {
        const times = deeds.flatMap(({ request, at }) => (request === undefined ? [] : [at ?? 0]));
        return times.map((at) => Math.round((at - (times[0] ?? 0)) / 1000));
      },
      quits: () => until('the end of the agent', async () => deeds.find(({ quit }) => quit !== undefined)?.quit),
      stop: async () => {
        await worker.terminate();
      },
    };
  }

  read(path: string): string | undefined {
    try {
      return readFileSync(join(this.drive, path), 'latin1');
    } catch {
      return undefined;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
