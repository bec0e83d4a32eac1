import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import type { Screens } from '../../src/domain/screen.js';
import { dial } from '../../src/provisioner/dial.js';
import { ContainerScreens } from '../../src/provisioner/docker/guest/containerScreens.js';
import { MACHINE_PORTS } from '../../src/provisioner/machinePorts.js';
import { Screen } from '../standin/supervisor/stub/screen.js';
import { vncServer } from '../standin/supervisor/stub/vnc.js';

export interface TestScreen {
  /** What the product works with. */
  screens: ContainerScreens;
  /** The same, as an engine has it. */
  engine: Screens;
  /** What the machine of every id shows, and what came to its keyboard and mouse. */
  screen: Screen;
  /** Text that was typed; keys without a character as <keysym>. */
  typed: () => string;
  /** Each event of the mouse as "x,y,buttons". */
  pointed: string[];
  close: () => Promise<void>;
}

/** The VNC server of the stand-in, as it runs in its container, on a port of its own. */
export async function aScreen(): Promise<TestScreen> {
  const screen = new Screen();
  const pointed: string[] = [];
  let typed = '';
  screen.on('typed', (text) => {
    typed = text;
  });
  screen.on('pointed', (text) => pointed.push(text));
  const { port, close } = await listening(vncServer('a screen', screen));
  const screens = screensAt(port);
  const engine: Screens = {
    screenshot: (ref) => screens.screenshot(ref),
    press: (ref, chords) => screens.press(ref, chords),
    click: (ref, click) => screens.click(ref, click),
  };
  return { screens, engine, screen, typed: () => typed, pointed, close };
}

/** Screens behind a server that says whatever it likes. */
export async function aStrangeScreen(talk: (socket: Socket) => void): Promise<Pick<TestScreen, 'screens' | 'close'>> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    talk(socket);
  });
  const { port, close } = await listening(server);
  return { screens: screensAt(port), close };
}

/** Of the machine's ports just this one is here. */
const screensAt = (port: number) =>
  new ContainerScreens(() => (asked) => dial('127.0.0.1', asked === MACHINE_PORTS.vnc ? port : asked));

async function listening(server: Server): Promise<{ port: number; close: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
