import { InvalidInput } from '../../domain/errors.js';
import type { ScreenRef, Screens } from '../../domain/screen.js';
import { NotThere } from '../dial.js';
import { encodePng } from '../encodePng.js';

const WIDTH = 320;
const HEIGHT = 200;

/** Screens of machines that are not real: each shows a colour of its own, and keys and clicks go nowhere. */
export function simulatedScreens(isRunning: (ref: ScreenRef) => boolean): Screens {
  return {
    async screenshot(ref) {
      if (!isRunning(ref)) return new NotThere('it does not run');
      const colour = Number.parseInt(ref.id.slice(0, 6), 16);
      const pixel = Buffer.from([colour & 0xff, (colour >> 8) & 0xff, (colour >> 16) & 0xff, 0]);
      const pixels = Buffer.alloc(WIDTH * HEIGHT * 4, pixel);
      return {
        takenAt: new Date(),
        width: WIDTH,
        height: HEIGHT,
        png: await encodePng({ width: WIDTH, height: HEIGHT, pixels }),
      };
    },
    press: async (ref) => (isRunning(ref) ? undefined : new NotThere('it does not run')),
    async click(ref, { x, y }) {
      if (!isRunning(ref)) return new NotThere('it does not run');
      const fix = `The screen has ${WIDTH}x${HEIGHT} pixels.`;
      if (x >= WIDTH) return new InvalidInput('x', String(x), fix);
      if (y >= HEIGHT) return new InvalidInput('y', String(y), fix);
      return undefined;
    },
  };
}
