import { setTimeout as sleep } from 'node:timers/promises';
import { LIMITS } from '../../domain/limits.js';
import { runSimulatedBatch } from './simulatedBatch.js';
import type { SimulatedWindows } from './simulatedWindows.js';

export type CommandEnding =
  | { state: 'exited'; exit: number }
  | { state: 'timeout' | 'cancelled' | 'stopped' }
  | { state: 'failed'; reason: string };
type Stream = 'stdout' | 'stderr';

/** One command that runs in a simulated guest, with what it has written. Of each stream no more is held than is ever kept. */
export class SimulatedCommand {
  readonly #over = new AbortController();
  readonly #written: Record<Stream, { size: number; kept: Buffer[] }> = {
    stdout: { size: 0, kept: [] },
    stderr: { size: 0, kept: [] },
  };

  constructor(
    readonly order: { text: string; directory: string; timeoutSeconds: number; windows: SimulatedWindows },
    readonly onOutput: () => void,
  ) {}

  /** Runs it until its end, whoever brings that about. */
  async run(): Promise<CommandEnding> {
    const { text, directory, timeoutSeconds, windows } = this.order;
    const limit = setTimeout(() => this.end('timeout'), timeoutSeconds * 1000).unref();
    const { signal } = this.#over;
    try {
      const exit = await runSimulatedBatch(text, {
        windows,
        directory,
        print: (line, stream = 'stdout') => this.#write(stream, line),
        pause: (ms) => sleep(ms, undefined, { signal, ref: false }),
      });
      return { state: 'exited', exit };
    } catch (err) {
      if (!signal.aborted) return { state: 'failed', reason: String(err) };
      return { state: signal.reason as 'timeout' | 'cancelled' | 'stopped' };
    } finally {
      clearTimeout(limit);
    }
  }

  end(how: 'timeout' | 'cancelled' | 'stopped'): void {
    this.#over.abort(how);
  }

  /** Bytes that it wrote. */
  size(stream: Stream): number {
    return this.#written[stream].size;
  }

  /** The beginning of what it wrote, of the first `LIMITS.commandOutputBytes`. */
  beginning(stream: Stream): Buffer {
    return Buffer.concat(this.#written[stream].kept);
  }

  #write(stream: Stream, line: string): void {
    const written = this.#written[stream];
    const bytes = Buffer.from(`${line}\r\n`);
    const room = LIMITS.commandOutputBytes.value - written.size;
    if (room > 0) written.kept.push(bytes.subarray(0, room));
    written.size += bytes.length;
    this.onOutput();
  }
}
