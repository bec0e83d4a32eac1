import PQueue from 'p-queue';
import { InvalidInput, Unavailable } from '../domain/errors.js';
import type { Chord } from '../domain/keys.js';
import type { Click, ScreenRef, Screens, Screenshot } from '../domain/screen.js';
import { KeyedLock } from '../primitives/keyedLock.js';
import { Slots } from '../primitives/slots.js';
import { encodePng } from './encodePng.js';
import { fetchStatusPage } from './fetchStatusPage.js';
import { captureScreen } from './rfb/captureScreen.js';
import { RfbFault } from './rfb/incoming.js';
import { clickAt, KEY_PAUSE_MS, pressChords } from './rfb/input.js';
import { type RfbSession, withRfb } from './rfb/session.js';

/** Connecting and one whole picture. */
const LIMIT_MS = 5_000;
/** A timer of a busy process rings late. */
const SLOWEST_PAUSE = 3;
/** Pictures in memory at the same time, each of 64 MiB at most. */
const PARALLEL_CAPTURES = 3;
/** QEMU takes 32 connections for each screen, and viewers in browsers need some. */
const MAX_WAITING = 16;

/** Screens that QEMU shows by VNC in the container. One connection a call; calls for the keyboard or for the picture of a machine go one by one. */
export class ContainerScreens implements Screens {
  readonly #turns = new KeyedLock();
  readonly #waiting = new Slots(MAX_WAITING);
  readonly #captures = new PQueue({ concurrency: PARALLEL_CAPTURES });

  /** `addressOf`: where a machine's container answers; undefined while it has none. It may throw `Unavailable`. */
  constructor(
    readonly addressOf: (ref: ScreenRef) => Promise<string | undefined>,
    readonly port = 5900,
  ) {}

  screenshot(ref: ScreenRef): Promise<Screenshot | Unavailable> {
    return this.#inTurn(`picture ${ref.id}`, () =>
      this.#captures.add(() =>
        this.#talk(ref, LIMIT_MS, async (session) => {
          const frame = await captureScreen(session);
          return { takenAt: new Date(), width: frame.width, height: frame.height, png: await encodePng(frame) };
        }),
      ),
    );
  }

  press(ref: ScreenRef, chords: readonly Chord[]): Promise<Unavailable | undefined> {
    const events = 2 * chords.flat().length;
    const limitMs = LIMIT_MS + events * KEY_PAUSE_MS * SLOWEST_PAUSE;
    return this.#inTurn(`input ${ref.id}`, () =>
      this.#talk(ref, limitMs, async (session) => {
        await pressChords(session, chords);
        return undefined;
      }),
    );
  }

  click(ref: ScreenRef, click: Click): Promise<Unavailable | InvalidInput | undefined> {
    return this.#inTurn(`input ${ref.id}`, () =>
      this.#talk(ref, LIMIT_MS, async (session) => {
        const { width, height } = session;
        const says = (side: number) => `Give 0 to ${side - 1}: the screen has ${width}x${height} pixels now.`;
        if (click.x >= width) return new InvalidInput('x', String(click.x), says(width));
        if (click.y >= height) return new InvalidInput('y', String(click.y), says(height));
        await clickAt(session, click);
        return undefined;
      }),
    );
  }

  async #inTurn<T>(key: string, work: () => Promise<T>): Promise<T | Unavailable> {
    const free = this.#waiting.take(key);
    if (free === undefined)
      return new Unavailable('screen', 'too many calls wait for this screen', 'Wait for their answers first.');
    try {
      return await this.#turns.run(key, work);
    } finally {
      free();
    }
  }

  async #talk<T>(ref: ScreenRef, limitMs: number, work: (session: RfbSession) => Promise<T>): Promise<T | Unavailable> {
    let address: string | undefined;
    try {
      address = await this.addressOf(ref);
      if (address === undefined) return noContainer();
      return await withRfb({ address, port: this.port, limitMs }, work);
    } catch (fault) {
      if (fault instanceof Unavailable) return fault;
      const why = fault instanceof RfbFault ? fault.message : connectionFault(fault);
      if (address === undefined || why === undefined) throw fault;
      return whyNoScreen(address, why);
    }
  }
}

/** A machine that is not on yet, or not any more. */
export function noContainer(): Unavailable {
  return new Unavailable('screen', 'the machine has no running container', 'Wait until it runs, then try again.');
}

/** The system's own code, as ECONNREFUSED, or undefined: it is no fault of the connection. */
function connectionFault(fault: unknown): string | undefined {
  if (!(fault instanceof Error && 'syscall' in fault && 'code' in fault)) return undefined;
  return String(fault.code);
}

/** While the image prepares there is no QEMU; its status page says what it does. */
async function whyNoScreen(address: string, why: string): Promise<Unavailable> {
  const status = await fetchStatusPage(address);
  if (status !== undefined && status.phase !== 'SETUP')
    return new Unavailable(
      'screen',
      `the machine is not switched on yet: ${status.message}`,
      'Try again when that is done.',
    );
  return new Unavailable('screen', `the machine's screen does not answer: ${why}`, 'Try again in a moment.');
}
