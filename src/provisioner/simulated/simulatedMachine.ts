import type { Machine } from '../../domain/vm.js';
import type { MachineRef } from '../provisioner.js';

export const WAITS = 'simulated: no host has room for it';
export const LOST = 'simulated: its host does not answer';

export type Misfortune = 'frozen' | 'deaf' | 'paused' | 'waiting' | 'lost' | 'disconnected' | 'diskGone';

/** A machine that is not real, and what befalls it. */
export class SimulatedMachine implements Machine {
  readonly engineId: string;
  state: Machine['state'] = 'created';
  reason?: string;
  exitCode?: number;
  startedAt?: Date;
  disconnected?: boolean;
  diskGone?: boolean;
  frozen?: boolean;
  deaf?: boolean;
  #timer: NodeJS.Timeout | undefined;

  /** `onUp`: its guest has booted, `bootMs` after its begin. */
  constructor(
    readonly ref: MachineRef,
    readonly bootMs: number,
    readonly onUp: () => void,
  ) {
    this.engineId = `simulated-${ref.id}`;
  }

  begin(): void {
    this.state = 'running';
    this.startedAt = new Date();
    // A timer takes 24 days at most; a guest that never gets ready has none.
    if (Number.isFinite(this.bootMs)) this.#timer = setTimeout(this.onUp, this.bootMs).unref();
  }

  wait(): void {
    this.stop();
    this.state = 'waiting';
    this.reason = WAITS;
  }

  end(exitCode: number): void {
    this.stop();
    this.state = 'exited';
    this.exitCode = exitCode;
  }

  befall(misfortune: Misfortune, on: boolean): void {
    if (misfortune === 'paused' || misfortune === 'lost') this.state = on ? misfortune : 'running';
    else if (misfortune !== 'waiting') this[misfortune] = on;
    else if (on) this.wait();
    else this.begin();
    if (misfortune === 'lost') this.reason = LOST;
  }

  /** Its guest will not get ready any more. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  /** How far its guest has booted, 0..1. */
  share(): number {
    return Math.min(1, (Date.now() - (this.startedAt?.getTime() ?? Date.now())) / Math.max(1, this.bootMs));
  }

  /** Whether its guest answers. */
  isUp(): boolean {
    return (
      this.ref.kind === 'vm' && this.state === 'running' && !this.frozen && !this.disconnected && this.share() >= 1
    );
  }
}
