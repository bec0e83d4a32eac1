/** A machine's screen, keyboard and mouse, as its virtual hardware has them: nothing in the guest takes part. */

export interface Screenshot {
  takenAt: Date;
  /** Pixels. */
  width: number;
  height: number;
  png: Uint8Array;
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
