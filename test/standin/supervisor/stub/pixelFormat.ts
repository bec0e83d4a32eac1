/** How a VNC viewer wants its pixels: the 16 bytes of SetPixelFormat. */
export class PixelFormat {
  readonly bytesPerPixel: number;
  readonly #bigEndian: boolean;
  readonly #max: readonly number[];
  readonly #shift: readonly number[];

  constructor(wish: Buffer) {
    this.bytesPerPixel = Math.max(1, Math.min(4, Math.floor((wish[0] ?? 32) / 8)));
    this.#bigEndian = wish[2] !== 0;
    this.#max = [4, 6, 8].map((at) => wish.readUInt16BE(at));
    this.#shift = [10, 11, 12].map((at) => wish[at] ?? 0);
  }

  /** 32 bits, little-endian, 8 a colour: what the server offers first. */
  static readonly offered = Buffer.from([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);

  /** `rgb` has three bytes a pixel. */
  encode(rgb: Buffer): Buffer {
    const { bytesPerPixel } = this;
    const pixels = Buffer.alloc((rgb.length / 3) * bytesPerPixel);
    for (let from = 0, to = 0; from < rgb.length; from += 3, to += bytesPerPixel) {
      let value = 0;
      for (let colour = 0; colour < 3; colour++) {
        const level = Math.round(((rgb[from + colour] ?? 0) * (this.#max[colour] ?? 0)) / 255);
        value += level * 2 ** (this.#shift[colour] ?? 0);
      }
      if (this.#bigEndian) pixels.writeUIntBE(value, to, bytesPerPixel);
      else pixels.writeUIntLE(value, to, bytesPerPixel);
    }
    return pixels;
  }
}
