import { EventEmitter } from 'node:events';

export const width = 320;
export const height = 200;
const cell = 8;
const columns = width / cell;
const rows = height / cell;

/** The picture of the machine without a machine: every key paints a cell, the pointer is a square. 24-bit RGB. */
export class Screen extends EventEmitter<{ changed: []; typed: [text: string]; pointed: [text: string] }> {
  readonly #cells: number[] = [];
  #pointer = { x: width / 2, y: height / 2, buttons: 0 };
  #typed = '';

  /** A key going down, by its X11 keysym. */
  press(keysym: number): void {
    this.#typed = (this.#typed + nameOf(keysym)).slice(-200);
    this.#cells.push(keysym);
    if (this.#cells.length > columns * (rows - 1)) this.#cells.length = 0;
    this.emit('typed', this.#typed);
    this.emit('changed');
  }

  point(x: number, y: number, buttons: number): void {
    this.#pointer = { x: Math.min(x, width - 1), y: Math.min(y, height - 1), buttons };
    this.emit('pointed', `${x},${y},${buttons}`);
    this.emit('changed');
  }

  pixels(): Buffer {
    const picture = Buffer.alloc(width * height * 3, 0x30);
    const fill = (left: number, top: number, size: number, colour: number) => {
      for (let y = Math.max(0, top); y < Math.min(height, top + size); y++) {
        for (let x = Math.max(0, left); x < Math.min(width, left + size); x++) {
          picture.writeUIntBE(colour, (y * width + x) * 3, 3);
        }
      }
    };
    // The top row is a taskbar, so that the picture is not of one colour before anything happened.
    for (let column = 0; column < columns; column += 2) fill(column * cell, 0, cell, 0x00_78_d7);
    for (const [at, keysym] of this.#cells.entries()) {
      const colour = (keysym * 2_654_435_761) & 0xff_ff_ff;
      fill((at % columns) * cell, cell + Math.floor(at / columns) * cell, cell, colour);
    }
    const { x, y, buttons } = this.#pointer;
    fill(x - 2, y - 2, 5, buttons === 0 ? 0xff_ff_ff : 0xff_20_20);
    return picture;
  }
}

function nameOf(keysym: number): string {
  return keysym >= 0x20 && keysym < 0x7f ? String.fromCharCode(keysym) : `<${keysym.toString(16)}>`;
}
