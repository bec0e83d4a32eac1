/** A machine's screen, keyboard and mouse, as its virtual hardware has them: nothing in the guest takes part. */
import type { InvalidInput, Unavailable } from './errors.js';
import type { Chord } from './keys.js';

export interface Screenshot {
  takenAt: Date;
  /** Pixels. */
  width: number;
  height: number;
  png: Uint8Array;
}

/** The size that a PNG says of itself, in its first chunk. */
export function pngSize(png: Uint8Array): { width: number; height: number } {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

export const MOUSE_BUTTONS = ['LEFT', 'MIDDLE', 'RIGHT'] as const;
export type MouseButton = (typeof MOUSE_BUTTONS)[number];

export interface Click {
  /** Pixels from the left and from the top of the screenshot. */
  x: number;
  y: number;
  button: MouseButton;
  /** 1, or 2 for a double click. */
  count: number;
}

/** A machine: a VM, or the installation of a golden image. */
export interface ScreenRef {
  kind: 'vm' | 'golden';
  id: string;
}

/** The screens of all machines. `Unavailable`: this one has none to show now, which a start or a stop explains. */
export interface Screens {
  /** What the screen shows now. A blank one is a picture as well. */
  screenshot(ref: ScreenRef): Promise<Screenshot | Unavailable>;

  /**
   * Presses chords one after the other: the keys of each go down in order and up in reverse. Resolves when the virtual keyboard
   * has taken them, some 20 ms for each key; what the guest makes of them is another matter.
   */
  press(ref: ScreenRef, chords: readonly Chord[]): Promise<Unavailable | undefined>;

  /** Moves the mouse and clicks. `InvalidInput`: the point is outside the screen, whose size is in the message. */
  click(ref: ScreenRef, click: Click): Promise<Unavailable | InvalidInput | undefined>;
}
