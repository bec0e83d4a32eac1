/** Commands through the QEMU guest agent, a program that the user put into the golden image. All that it says is the guest's word. */
import { Unavailable } from './errors.js';

/** How a script ended. Of `timeout` and `cancelled` the guest was told to end it; it may still hold on. */
export interface ScriptEnd {
  state: 'exited' | 'timeout' | 'cancelled';
  /** Null where it did not exit by itself, or was ended by a signal. */
  exitCode: number | null;
  stdout: Uint8Array;
  stderr: Uint8Array;
}

/** An open connection to the QEMU guest agent of one machine. */
export interface QemuAgent {
  /** `windows`: scripts are batch files; `other`: they are for /bin/sh. */
  readonly system: 'windows' | 'other';

  /**
   * Runs a script to its end. Several run side by side. Before it is begun, and before it is ended, the lead is confirmed.
   * @throws NotLeading, Unavailable  the lead is over, or that can't be known.
   * @throws Error  the connection broke, or the guest refused; the message says which.
   */
  run(script: Uint8Array, limits: { timeoutMs: number; cancelled: AbortSignal }): Promise<ScriptEnd>;

  /** What runs in the guest goes on, and is not heard of any more. */
  close(): void;
}

/** No machine here has a channel for it. */
export function qemuAgentOff(): Unavailable {
  return new Unavailable(
    'guest',
    'the QEMU guest agent is not switched on here',
    'Use the transport AGENT, or set VAPIORC_QEMU_AGENT=on and make new VMs of a golden image that has qemu-ga.',
  );
}
