import { EventEmitter } from 'node:events';

/** What "QEMU" prints and how it ends; the rest of the supervisor does not know whether there is a real one. */
export interface MachineEvents {
  /** One line of firmware or guest output. */
  line: [text: string];
  exit: [code: number];
}

export abstract class Machine extends EventEmitter<MachineEvents> {
  abstract readonly pid: number;
  /** Undefined while it runs; 128 + signal number when it was killed. */
  exitCode: number | undefined;

  /** Returns when the process exists; a disk that cannot be opened shows as an early exit, as with QEMU. */
  abstract start(): Promise<void>;

  /** SIGTERM is a power cut with the caches flushed, SIGKILL one without. */
  abstract kill(signal: 'SIGTERM' | 'SIGKILL'): void;

  protected ended(code: number): void {
    if (this.exitCode !== undefined) return;
    this.exitCode = code;
    this.emit('exit', code);
  }

  async whenExited(): Promise<number> {
    if (this.exitCode !== undefined) return this.exitCode;
    return new Promise((resolve) => this.once('exit', resolve));
  }
}
