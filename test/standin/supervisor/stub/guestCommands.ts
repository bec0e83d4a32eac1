import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandOrder, GuestCommand, type Result } from './guestCommand.js';
import type { GuestDisk } from './guestDisk.js';

/** The folder behind \\host.lan\Data. */
interface Share {
  readonly folder: string;
  readonly readOnly: boolean;
}

const ownFolder = '/var/tmp/commands';
const noteKey = '.running';

/** Every command of this start of Windows: what runs, and whose result the server has not taken yet. */
export class GuestCommands {
  readonly #disk: GuestDisk;
  readonly #share: Share | undefined;
  /** Resolves when the server has taken the result. */
  readonly #send: (id: string, result: Result) => Promise<void>;
  readonly #running = new Map<string, GuestCommand | undefined>();
  #wake = () => {};

  constructor(disk: GuestDisk, share: Share | undefined, send: (id: string, result: Result) => Promise<void>) {
    this.#disk = disk;
    this.#share = share;
    this.#send = send;
  }

  get ids(): string[] {
    return [...this.#running.keys()];
  }

  /** How much of each running command's output lies on the share, as `next` has it. */
  outputs(): Record<string, string> {
    const entries: Record<string, string> = {};
    for (const [id, command] of this.#running) if (command) entries[`output.${id}`] = command.stream();
    return entries;
  }

  /** Resolves when a result was taken, and after `ms` at the latest. */
  changed(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** What ran when Windows stopped the last time is lost. */
  reportLost(): void {
    for (const id of (this.#disk.get(noteKey) ?? '').split(',').filter(Boolean)) {
      if (!this.#running.has(id)) this.#finish(id, { state: 'lost' });
    }
  }

  start(order: CommandOrder): void {
    const { id } = order;
    const folder = join(ownFolder, id);
    if (this.#running.has(id) || !makeFolder(folder)) return;
    const shared = this.#share && join(this.#share.folder, 'commands', id);
    const copies = this.#share?.readOnly ? undefined : shared;
    try {
      const command = new GuestCommand(order, folder, { script: shared && join(shared, 'job.cmd'), copies });
      this.#running.set(id, command);
      this.#note();
      void command.result.then((result) => this.#finish(id, result));
    } catch (err) {
      this.#finish(id, { state: 'failed', reason: err instanceof Error ? err.message : String(err) });
    }
  }

  cancel(id: string): void {
    if (!this.#running.has(id)) this.#finish(id, { state: 'lost' });
    else this.#running.get(id)?.end('cancelled');
  }

  /** The power is gone, and every process with it. */
  cut(): void {
    for (const command of this.#running.values()) command?.end('cancelled');
  }

  #finish(id: string, result: Result): void {
    this.#running.set(id, undefined);
    void this.#send(id, result).then(
      () => {
        this.#running.delete(id);
        this.#note();
        this.#wake();
      },
      () => {
        // Windows stops: the note on its disk makes it a lost one at the next start.
      },
    );
  }

  #note(): void {
    this.#disk.set({ [noteKey]: this.ids.join(',') }).catch(() => {
      // The disk went away with the machine.
    });
  }
}

/** False: the id was run already. */
function makeFolder(path: string): boolean {
  mkdirSync(ownFolder, { recursive: true });
  try {
    mkdirSync(path);
    return true;
  } catch {
    return false;
  }
}
