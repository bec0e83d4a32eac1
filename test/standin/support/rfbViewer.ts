import { connect, type Socket } from 'node:net';

/** A VNC viewer that looks at whole pictures, 32 bits a pixel unless told otherwise. */
export class RfbViewer {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #wake = () => {};
  width = 0;
  height = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#wake());
  }

  static async open(host: string): Promise<RfbViewer> {
    const viewer = new RfbViewer(connect({ host, port: 5900 }));
    await viewer.#greet();
    return viewer;
  }

  async #greet(): Promise<void> {
    await this.#take(12);
    this.#socket.write('RFB 003.008\n');
    const [count = 0] = await this.#take(1);
    await this.#take(count);
    this.#socket.write(Buffer.from([1]));
    await this.#take(4);
    this.#socket.write(Buffer.from([1]));
    const init = await this.#take(24);
    this.width = init.readUInt16BE(0);
    this.height = init.readUInt16BE(2);
    await this.#take(init.readUInt32BE(20));
    // SetEncodings: raw only.
    this.#socket.write(Buffer.from([2, 0, 0, 1, 0, 0, 0, 0]));
  }

  /** `format` is the 13 bytes of RFB's PIXEL_FORMAT before its padding. */
  setPixelFormat(format: number[]): void {
    this.#socket.write(Buffer.from([0, 0, 0, 0, ...format, 0, 0, 0]));
  }

  /** The whole picture; with `incremental` it comes when something changed. */
  async picture(bytesPerPixel = 4, incremental = false): Promise<Buffer> {
    const ask = Buffer.from([3, incremental ? 1 : 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    ask.writeUInt16BE(this.width, 6);
    ask.writeUInt16BE(this.height, 8);
    this.#socket.write(ask);
    const head = await this.#take(4);
    const rectangles: Buffer[] = [];
    for (let left = head.readUInt16BE(2); left > 0; left--) {
      const place = await this.#take(12);
      rectangles.push(await this.#take(place.readUInt16BE(4) * place.readUInt16BE(6) * bytesPerPixel));
    }
    return Buffer.concat(rectangles);
  }

  key(keysym: number): void {
    for (const down of [1, 0]) {
      const event = Buffer.from([4, down, 0, 0, 0, 0, 0, 0]);
      event.writeUInt32BE(keysym, 4);
      this.#socket.write(event);
    }
  }

  pointer(x: number, y: number, buttons: number): void {
    const event = Buffer.from([5, buttons, 0, 0, 0, 0]);
    event.writeUInt16BE(x, 2);
    event.writeUInt16BE(y, 4);
    this.#socket.write(event);
  }

  close(): void {
    this.#socket.destroy();
  }

  async #take(length: number): Promise<Buffer> {
    while (this.#received.length < length) {
      if (this.#socket.destroyed) throw new Error('the VNC server hung up');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }
}
