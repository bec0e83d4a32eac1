import { createServer, type Server, type Socket } from 'node:net';

/** The knobs that a monitor turns on the machine. */
export interface Controls {
  powerdown(): void;
  quit(): void;
  reset(): void;
  pause(): void;
  resume(): void;
  status(): string;
  screendump(path: string, format: string): void;
}

const greeting = "QEMU 11.1.0 monitor - type 'help' for more information\r\n(qemu) ";

/** The human monitor: one client at a time, the next one hangs until the first has left. */
export function monitorServer(controls: Controls): Server {
  return oneAtATime((socket) => {
    socket.write(greeting);
    let pending = '';
    socket.on('data', (text: string) => {
      const lines = (pending + text).split(/\r?\n/);
      pending = lines.pop() ?? '';
      for (const line of lines) socket.write(`${line}\r\n${answer(controls, line.trim())}(qemu) `);
    });
  });
}

function answer(controls: Controls, line: string): string {
  const format = / -f (\w+)/.exec(line)?.[1] ?? 'ppm';
  const [command, argument] = line.replace(/ -f \w+/, '').split(/\s+/);
  if (line === 'info status') return `VM status: ${controls.status()}\r\n`;
  if (command === 'screendump' && argument) controls.screendump(argument, format);
  else if (command === 'system_powerdown') controls.powerdown();
  else if (command === 'system_reset') controls.reset();
  else if (command === 'stop') controls.pause();
  else if (command === 'cont' || command === 'c') controls.resume();
  else if (command === 'quit' || command === 'q') controls.quit();
  else if (command === 'sendkey' || command === undefined || command === '') return '';
  else return `unknown command: '${command}'\r\n`;
  return '';
}

interface QmpCommand {
  execute?: string;
  arguments?: Record<string, unknown>;
  id?: unknown;
}

/** As much QMP as is needed to pause, resume, stop and look at the machine. */
export function qmpServer(controls: Controls): Server {
  return oneAtATime((socket) => {
    const send = (message: object) => socket.write(`${JSON.stringify(message)}\r\n`);
    send({ QMP: { version: { qemu: { micro: 0, minor: 1, major: 11 }, package: '' }, capabilities: ['oob'] } });
    let pending = '';
    let negotiated = false;
    socket.on('data', (text: string) => {
      const lines = (pending + text).split(/\r?\n/);
      pending = lines.pop() ?? '';
      for (const line of lines.filter((candidate) => candidate.trim())) {
        let command: QmpCommand;
        try {
          command = JSON.parse(line) as QmpCommand;
        } catch {
          send({ error: { class: 'GenericError', desc: 'JSON parse error' } });
          continue;
        }
        const name = command.execute ?? '';
        const id = command.id === undefined ? {} : { id: command.id };
        const known = negotiated || name === 'qmp_capabilities';
        negotiated ||= name === 'qmp_capabilities';
        const result = known ? run(controls, name, command.arguments ?? {}) : undefined;
        if (result === undefined) {
          const desc = `The command ${name} has not been found`;
          send({ error: { class: 'CommandNotFound', desc }, ...id });
        } else send({ return: result, ...id });
      }
    });
  });
}

function run(controls: Controls, name: string, args: Record<string, unknown>): object | undefined {
  switch (name) {
    case 'qmp_capabilities':
      return {};
    case 'query-status':
      return { status: controls.status().replace(/ \(.*/, ''), running: controls.status() === 'running' };
    case 'stop':
      controls.pause();
      return {};
    case 'cont':
      controls.resume();
      return {};
    case 'system_powerdown':
      controls.powerdown();
      return {};
    case 'system_reset':
      controls.reset();
      return {};
    case 'quit':
      controls.quit();
      return {};
    case 'screendump':
      controls.screendump(String(args.filename), String(args.format ?? 'ppm'));
      return {};
    default:
      return undefined;
  }
}

function oneAtATime(serve: (socket: Socket) => void): Server {
  let turn: Promise<void> = Promise.resolve();
  return createServer((socket) => {
    socket.setEncoding('latin1');
    socket.on('error', () => socket.destroy());
    const left = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    turn = turn.then(async () => {
      if (!socket.destroyed) serve(socket);
      await left;
    });
  });
}
