import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { InvalidInput, Unavailable } from '../../src/domain/errors.js';
import { LIMITS } from '../../src/domain/limits.js';
import type { ScreenRef, Screenshot } from '../../src/domain/screen.js';
import { NotThere } from '../../src/provisioner/dial.js';
import { ContainerScreens } from '../../src/provisioner/docker/guest/containerScreens.js';
import { aScreen, aStrangeScreen } from './aScreen.js';
import { decodePng } from './decodePng.js';

const ref: ScreenRef = { kind: 'vm', id: randomUUID() };
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function screen() {
  const made = await aScreen();
  closers.push(made.close);
  return made;
}
async function strange(talk: (socket: Socket) => void) {
  const made = await aStrangeScreen(talk);
  closers.push(made.close);
  return made.screens;
}

describe('a screen that works', () => {
  test('is shown pixel for pixel, as the server paints it', async () => {
    const { screens, screen: stub } = await screen();

    const shot = (await screens.screenshot(ref)) as Screenshot;

    const decoded = decodePng(shot.png);
    expect([shot.width, shot.height]).toEqual([320, 200]);
    expect([decoded.width, decoded.height]).toEqual([320, 200]);
    expect(Date.now() - shot.takenAt.getTime()).toBeLessThan(5000);
    const pixels = stub.pixels();
    for (let y = 0; y < 200; y++)
      for (let x = 0; x < 320; x++) expect(decoded.at(x, y)).toBe(pixels.readUIntBE((y * 320 + x) * 3, 3));
  });

  test('takes keys in their order, and shows what they did', async () => {
    const { screens, typed } = await screen();
    const before = (await screens.screenshot(ref)) as Screenshot;

    expect(await screens.press(ref, [[0xffe3, 0xffe9, 0xffff], [0x68], [0xffe1, 0x49]])).toBeUndefined();

    expect(typed()).toBe('<ffe3><ffe9><ffff>h<ffe1>I');
    const after = (await screens.screenshot(ref)) as Screenshot;
    expect(after.png).not.toEqual(before.png);
  });

  test('takes a double click with each button', async () => {
    const { screens, pointed } = await screen();

    expect(await screens.click(ref, { x: 10, y: 199, button: 'RIGHT', count: 2 })).toBeUndefined();
    expect(await screens.click(ref, { x: 319, y: 0, button: 'LEFT', count: 1 })).toBeUndefined();

    expect(pointed).toEqual([
      '10,199,0',
      '10,199,4',
      '10,199,0',
      '10,199,4',
      '10,199,0',
      '319,0,0',
      '319,0,1',
      '319,0,0',
    ]);
  });

  test('is not clicked outside, and says how large it is', async () => {
    const { screens, pointed } = await screen();

    const right = await screens.click(ref, { x: 320, y: 0, button: 'LEFT', count: 1 });
    const below = await screens.click(ref, { x: 0, y: 5000, button: 'LEFT', count: 1 });

    expect(right).toBeInstanceOf(InvalidInput);
    expect(right).toMatchObject({ field: 'x', value: '320', fix: expect.stringContaining('320x200') });
    expect(below).toMatchObject({ field: 'y', value: '5000', fix: expect.stringContaining('0 to 199') });
    expect(pointed).toEqual([]);
  });

  test('keeps the keys of callers apart who press at the same time', async () => {
    const { screens, typed } = await screen();
    const word = (text: string) => Array.from(text, (character) => [character.charCodeAt(0)]);

    await Promise.all(['one', 'two', 'six'].map((text) => screens.press(ref, word(text))));

    expect(typed()).toBe('onetwosix');
  });

  test('refuses more callers than can wait, and serves those it took', async () => {
    const { screens, typed } = await screen();
    const most = LIMITS.screenCalls.value;

    const answers = await Promise.all(Array.from({ length: most + 4 }, () => screens.press(ref, [[0x61]])));

    expect(answers.filter((answer) => answer === undefined)).toHaveLength(most);
    expect(answers.filter((answer) => answer instanceof Unavailable)).toHaveLength(4);
    expect(typed()).toBe('a'.repeat(most));
    expect(await screens.press(ref, [[0x62]])).toBeUndefined();
  });
});

describe('no screen', () => {
  test('of a machine without a container', async () => {
    const screens = new ContainerScreens(() => async () => {
      throw new NotThere('it has no running container');
    });

    expect(await screens.screenshot(ref)).toMatchObject({
      code: 'UNAVAILABLE',
      part: 'screen',
      message: expect.stringContaining('no running container'),
    });
  });

  test('where nothing listens', async () => {
    const { screens, close } = await aScreen();
    await close();

    const answer = await screens.screenshot(ref);

    expect(answer).toBeInstanceOf(Unavailable);
    expect(answer).toMatchObject({ part: 'screen', message: expect.stringContaining('ECONNREFUSED') });
  });

  test('where the engine does not answer', async () => {
    const away = new Unavailable('docker', 'it is away', 'Start it.');
    const screens = new ContainerScreens(() => async () => {
      throw away;
    });

    expect(await screens.press(ref, [[0x61]])).toBe(away);
  });
});

const hello = (socket: Socket, width: number, height: number, name = '') => {
  const size = Buffer.alloc(24);
  size.writeUInt16BE(width, 0);
  size.writeUInt16BE(height, 2);
  size.writeUInt32BE(name.length, 20);
  socket.write(Buffer.concat([Buffer.from('RFB 003.008\n'), Buffer.from([1, 1, 0, 0, 0, 0]), size, Buffer.from(name)]));
};
const update = (...rectangles: { area: [number, number, number, number]; encoding?: number; pixels?: Buffer }[]) => {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(rectangles.length, 2);
  const each = rectangles.map(({ area, encoding = 0, pixels = Buffer.alloc(0) }) => {
    const bytes = Buffer.alloc(12);
    for (const [index, value] of area.entries()) bytes.writeUInt16BE(value, index * 2);
    bytes.writeInt32BE(encoding, 8);
    return Buffer.concat([bytes, pixels]);
  });
  return Buffer.concat([head, ...each]);
};

describe('a server that misbehaves is refused with the reason, and soon', () => {
  test.each<[string, (socket: Socket) => void, RegExp]>([
    ['hangs up', (socket) => socket.end(), /hung up/],
    ['speaks HTTP', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), /not RFB 3\.8/],
    ['wants a password', (socket) => socket.write(Buffer.from('RFB 003.008\n\x01\x02', 'latin1')), /password/],
    ['has no room', (socket) => socket.write(Buffer.from('RFB 003.008\n\x00\x00\x00\x00\x00', 'latin1')), /refuses/],
    ['has a screen of 16 million pixels too many', (socket) => hello(socket, 8000, 8000), /too large/],
    ['has a screen that is one pixel high and too wide', (socket) => hello(socket, 8193, 1), /too large/],
    ['has no pixels', (socket) => hello(socket, 0, 100), /no pixels/],
    ['has an endless name', (socket) => hello(socket, 10, 10, 'x'.repeat(5000)), /name is too long/],
    [
      'paints outside',
      (socket) => {
        hello(socket, 10, 10);
        socket.write(update({ area: [5, 5, 6, 1], pixels: Buffer.alloc(24) }));
      },
      /outside/,
    ],
    [
      'uses an encoding that was not offered',
      (socket) => {
        hello(socket, 10, 10);
        socket.write(update({ area: [0, 0, 1, 1], encoding: 16 }));
      },
      /encoding 16/,
    ],
    [
      'grows beyond what we take',
      (socket) => {
        hello(socket, 10, 10);
        socket.write(update({ area: [0, 0, 65_535, 65_535], encoding: -223 }));
      },
      /too large/,
    ],
    [
      'has a clipboard of 4 GiB',
      (socket) => {
        hello(socket, 10, 10);
        socket.write(Buffer.from([3, 0, 0, 0, 255, 255, 255, 255]));
      },
      /clipboard/,
    ],
    [
      'sends nonsense',
      (socket) => {
        hello(socket, 10, 10);
        socket.write(Buffer.alloc(100, 77));
      },
      /type 77/,
    ],
    [
      'breaks off in the middle of the picture',
      (socket) => {
        hello(socket, 10, 10);
        socket.end(update({ area: [0, 0, 10, 10], pixels: Buffer.alloc(200) }));
      },
      /hung up/,
    ],
    [
      'changes its size for ever',
      (socket) => {
        hello(socket, 10, 10);
        const flood = () => {
          while (!socket.destroyed && socket.write(update({ area: [0, 0, 20, 20], encoding: -223 })));
        };
        socket.on('drain', flood);
        flood();
      },
      /all the time/,
    ],
  ])('%s', async (_what, talk, message) => {
    const screens = await strange(talk);

    const answer = await screens.screenshot(ref);

    expect(answer).toBeInstanceOf(Unavailable);
    expect(answer).toMatchObject({ part: 'screen', message: expect.stringMatching(message) });
  });

  test.each<[string, (socket: Socket) => void]>([
    ['says nothing', () => {}],
    ['never paints', (socket) => hello(socket, 10, 10)],
    [
      'paints the same pixels of nothing for ever',
      (socket) => {
        hello(socket, 10, 10);
        const flood = () => {
          while (!socket.destroyed && socket.write(update({ area: [0, 0, 0, 0] })));
        };
        socket.on('drain', flood);
        flood();
      },
    ],
  ])('%s: given up after 5 s', { timeout: 15_000 }, async (_what, talk) => {
    const screens = await strange(talk);
    const startedMs = Date.now();

    const answer = await screens.screenshot(ref);

    expect(answer).toMatchObject({ part: 'screen', message: expect.stringContaining('5000 ms') });
    expect(Date.now() - startedMs).toBeLessThan(9000);
  });
});

test('a picture that comes in parts, late, and in a new size is whole', async () => {
  const red = (pixels: number) => Buffer.concat(Array.from({ length: pixels }, () => Buffer.from([0, 0, 255, 0])));
  const screens = await strange((socket) => {
    hello(socket, 10, 10, 'a name');
    let requests = 0;
    socket.on('data', (chunk) => {
      if (chunk[chunk.length - 10] !== 3) return;
      requests++;
      if (requests === 1)
        socket.write(
          Buffer.concat([
            Buffer.from([2]), // a bell
            Buffer.from([3, 0, 0, 0, 0, 0, 0, 2, 104, 105]), // a clipboard
            update({ area: [0, 0, 4, 2], encoding: -223 }),
          ]),
        );
      if (requests === 2) socket.write(update({ area: [0, 0, 3, 1], pixels: Buffer.alloc(12) }));
      if (requests === 3)
        socket.write(update({ area: [3, 0, 1, 2], pixels: red(2) }, { area: [0, 1, 3, 1], pixels: red(3) }));
    });
  });

  const shot = (await screens.screenshot(ref)) as Screenshot;

  const { width, height, at } = decodePng(shot.png);
  expect([width, height]).toEqual([4, 2]);
  expect([0, 1, 2, 3].map((x) => at(x, 0))).toEqual([0, 0, 0, 0xff0000]);
  expect([0, 1, 2, 3].map((x) => at(x, 1))).toEqual([0xff0000, 0xff0000, 0xff0000, 0xff0000]);
});
