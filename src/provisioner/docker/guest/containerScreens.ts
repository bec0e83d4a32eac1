import PQueue from 'p-queue';
import { InvalidInput, Unavailable } from '../../../domain/errors.js';
import type { Chord } from '../../../domain/keys.js';
import { LIMITS } from '../../../domain/limits.js';
import type { Click, ScreenRef, Screens, Screenshot } from '../../../domain/screen.js';
import { KeyedLock } from '../../../primitives/keyedLock.js';
import { Slots } from '../../../primitives/slots.js';
import { type Dial, NotThere } from '../../dial.js';
import { encodePng } from '../../encodePng.js';
import { MACHINE_PORTS } from '../../machinePorts.js';
import { captureScreen } from '../../rfb/captureScreen.js';
import { RfbFault } from '../../rfb/incoming.js';
import { clickAt, KEY_PAUSE_MS, pressChords } from '../../rfb/input.js';
import { type RfbSession, withRfb } from '../../rfb/session.js';
import { fetchStatusPage } from './fetchStatusPage.js';

/** One whole picture. */
const LIMIT_MS = 5_000;
/** A timer of a busy process rings late. */
const SLOWEST_PAUSE = 3;
/** Pictures in memory at the same time, each of 64 MiB at most. */
const PARALLEL_CAPTURES = 3;

/** Screens that QEMU shows by VNC in the container. One connection a call; calls for the keyboard or for the picture of a machine go one by one. */
export class ContainerScreens implements Screens {
  readonly #turns = new KeyedLock();
  readonly #waiting = new Slots(LIMITS.screenCalls.value);
  readonly #captures = new PQueue({ concurrency: PARALLEL_CAPTURES });

  constructor(readonly dial: (ref: ScreenRef) => Dial) {}

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
    const dial = this.dial(ref);
    try {
      return await withRfb(await dial(MACHINE_PORTS.vnc), limitMs, work);
    } catch (fault) {
      if (fault instanceof NotThere) return whyNoScreen(dial, fault);
      if (fault instanceof Unavailable) return fault;
      const why = fault instanceof RfbFault ? fault.message : connectionFault(fault);
      if (why === undefined) throw fault;
      const silent = `the machine's screen does not answer: ${why}`;
      return whyNoScreen(dial, new Unavailable('screen', silent, 'Try again in a moment.'));
    }
  }
}

/** The system's own code, as ECONNREFUSED, or undefined: it is no fault of the connection. */
function connectionFault(fault: unknown): string | undefined {
  if (!(fault instanceof Error && 'syscall' in fault && 'code' in fault)) return undefined;
  return String(fault.code);
}

/** While the image prepares there is no QEMU; its status page says what it does. */
async function whyNoScreen(dial: Dial, otherwise: Unavailable): Promise<Unavailable> {
  const status = await fetchStatusPage(dial).catch(() => undefined);
  if (status !== undefined && status.phase !== 'SETUP')
    return new Unavailable(
      'screen',
      `the machine is not switched on yet: ${status.message}`,
      'Try again when that is done.',
    );
  return otherwise;
}
