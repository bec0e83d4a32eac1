import type { GoldenImage } from '../db/images.js';
import type { Vm } from '../db/vms.js';
import type { Write } from '../db/write.js';
import type { Malformed } from './guestBody.js';

/** The machine whose guest calls, and which is not over. */
export type Machine = { vm: Vm; image?: undefined } | { vm?: undefined; image: GoldenImage };

/** `over`: the machine's token is not worth anything any more. Else the lines of the answer. */
export type GuestAnswer = Record<string, string | number> | Malformed | 'over';

/** `write`: as the machine's guest. */
export type Calling = Machine & { write: Write };

/** One of the calls that a guest may make. */
export interface GuestCall {
  maxBodyBytes: number;
  /** It waits for something to do: other calls of the machine do not wait for its end. */
  holds?: boolean;
  /** `gone` aborts when the guest no longer waits for the answer. */
  answer(machine: Calling, body: string, gone: AbortSignal): Promise<GuestAnswer>;
}
