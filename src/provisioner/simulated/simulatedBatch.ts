import type { SimulatedWindows } from './simulatedWindows.js';

/** What a batch file in a simulated guest can do: print, and take time. Nothing of it is ever run. */
export interface SimulatedConsole {
  windows: SimulatedWindows;
  directory: string;
  print(line: string, stream?: 'stdout' | 'stderr'): void;
  /** Throws when the batch file is ended meanwhile. */
  pause(ms: number): Promise<void>;
}

/** Answers the exit code that it sets; undefined: it sets none. `end`: the batch file ends with it. */
type Ran = number | undefined | { end: number };
type Command = (rest: string, console: SimulatedConsole, errorLevel: number) => Ran | Promise<Ran>;

const NOT_RECOGNIZED = 9009;
const LARGEST_EXIT = 0x7fff_ffff;
/** The one redirection that it knows. */
const TO_NOWHERE = /([12]?)>\s*nul\b/gi;
const SIMULATED = 'Simulated by vapiorc: there is no Windows here, nothing is run.';
const BUILD_STEPS = ['restore packages', 'compile app.cpp', 'compile main.cpp', 'link app.exe', 'run 42 tests', 'pack'];
const BUILD_STEP_MS = 500;

const COMMANDS: Readonly<Record<string, Command>> = {
  '::': () => undefined,
  rem: () => undefined,
  echo(rest, console) {
    if (!/^\s+(on|off)\s*$/i.test(rest)) console.print(rest.slice(1));
    return undefined;
  },
  ver(_rest, { print, windows }) {
    for (const line of [SIMULATED, '', `Microsoft Windows [Version ${windows.build}]`]) print(line);
    return 0;
  },
  hostname(_rest, { print, windows }) {
    print(windows.computer);
    return 0;
  },
  whoami(_rest, { print, windows }) {
    print(`${windows.computer}\\${windows.user}`.toLowerCase());
    return 0;
  },
  dir(_rest, { print, directory }) {
    print(` Directory of ${directory} (simulated)`);
    print('');
    for (const name of ['Program Files', 'Users', 'Windows']) print(`11/28/2026  09:00 AM    <DIR>          ${name}`);
    print('               0 File(s)              0 bytes');
    return 0;
  },
  exit(rest, _console, errorLevel) {
    const code = /^\s+(?:\/b\s*)?(-?\d+)/i.exec(rest)?.[1];
    return { end: code === undefined ? errorLevel : Math.max(-LARGEST_EXIT - 1, Math.min(LARGEST_EXIT, Number(code))) };
  },
  cd(rest, { print, directory }) {
    if (rest.trim() === '') print(directory);
    return 0;
  },
  async ping(rest, { print, pause }) {
    const times = Number(/\s-n\s+(\d+)/i.exec(rest)?.[1] ?? 4);
    const host = /\s([\w.:-]+)\s*$/.exec(rest.replace(/\s-n\s+\d+/i, ' '))?.[1];
    if (host !== '127.0.0.1' && host !== 'localhost') {
      print(`Ping request could not find host ${host ?? ''}. (The simulated guest has no network but 127.0.0.1.)`);
      return 1;
    }
    print('');
    print('Pinging 127.0.0.1 with 32 bytes of data:');
    for (let n = 0; n < times; n++) {
      await pause(1000);
      print('Reply from 127.0.0.1: bytes=32 time<1ms TTL=128');
    }
    return 0;
  },
  async timeout(rest, { print, pause }) {
    const seconds = Number(/(\d+)/.exec(rest)?.[1] ?? 0);
    print(`Waiting for ${seconds} seconds`);
    for (let n = 0; n < seconds; n++) await pause(1000);
    return 0;
  },
  async build(_rest, { print, pause }) {
    for (const [n, step] of BUILD_STEPS.entries()) {
      print(`[${n + 1}/${BUILD_STEPS.length}] ${step}`);
      await pause(BUILD_STEP_MS);
    }
    print('Build succeeded (simulated).');
    return 0;
  },
};

/** Goes through a batch file line by line, as cmd.exe does with the few commands that it knows. Answers the exit code. */
export async function runSimulatedBatch(text: string, console: SimulatedConsole): Promise<number> {
  let errorLevel = 0;
  for (const written of text.split(/\r\n|\r|\n/)) {
    const expanded = expand(written.replace(/^[\s@]+/, ''), console.windows, errorLevel);
    const hushed = [...expanded.matchAll(TO_NOWHERE)].map(([, stream]) => (stream === '2' ? 'stderr' : 'stdout'));
    const line = expanded.replace(TO_NOWHERE, '');
    const print: SimulatedConsole['print'] = (text, stream = 'stdout') => {
      if (!hushed.includes(stream)) console.print(text, stream);
    };
    const [, word = '', rest = ''] = /^(::|[^\s.,;:=/()]+(?:[:\\][^\s]*)?)(.*)$/s.exec(line) ?? [];
    if (line.trim() === '') continue;
    const command = Object.hasOwn(COMMANDS, word.toLowerCase()) ? COMMANDS[word.toLowerCase()] : undefined;
    const isPlain = !/[|<>&]/.test(line.replace(/"[^"]*"|\^./g, ''));
    if (command === undefined) {
      print(`'${word || line.trim()}' is not recognized as an internal or external command,`, 'stderr');
      print('operable program or batch file.', 'stderr');
      errorLevel = NOT_RECOGNIZED;
    } else if (!isPlain && word !== '::' && word.toLowerCase() !== 'rem') {
      print('The simulated guest takes one command a line, without | < > (but >nul) and &.', 'stderr');
      errorLevel = 1;
    } else {
      const ran = await command(rest, { ...console, print }, errorLevel);
      if (typeof ran === 'object') return ran.end;
      errorLevel = ran ?? errorLevel;
    }
  }
  return errorLevel;
}

/** Of the variables the few that the guest knows; others are empty, as in a batch file, where %% is a percent sign. */
function expand(line: string, { computer, user }: SimulatedWindows, errorLevel: number): string {
  const known: Record<string, string> = { COMPUTERNAME: computer, USERNAME: user, ERRORLEVEL: String(errorLevel) };
  return line.replace(/%(?:%|(\w+)%)/g, (_all, name?: string) =>
    name === undefined ? '%' : (known[name.toUpperCase()] ?? ''),
  );
}
