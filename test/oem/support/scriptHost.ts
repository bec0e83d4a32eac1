/**
 * What Windows Script Host offers the agent, in a thread of its own, because the agent blocks. Paths are folders of the test's. Time is
 * made up: only sleeping and waiting move the clock. HTTP is real, and done by the thread that started this one.
 */
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';

interface Setup {
  agent: string;
  args: string[];
  host: string;
  drive: string;
  share: string;
  registry: Record<string, string>;
  /** Set to 1 and notified when an answer lies at the port. */
  signal: Int32Array;
  port: MessagePort;
  /** [0] 1: the share can't be read; 2: only not written. [1], [2] milliseconds that a second of waiting and of sleeping takes. */
  knobs: Int32Array;
  wmi: boolean;
}

const setup: Setup = workerData;
const note = (what: object) => parentPort?.postMessage(what);
let clockMs = Date.now();
const clock = () => clockMs;

class AgentDate extends Date {
  constructor(...args: [number?]) {
    if (args.length === 0) super(clock());
    else super(args[0] as number);
  }
}

/** A path of Windows as one of ours. */
function local(path: string, writes = false): string {
  if (path.startsWith('\\\\host.lan\\Data')) {
    const broken = Atomics.load(setup.knobs, 0);
    if (broken === 1 || (broken === 2 && writes)) throw new Error('The network path was not found.');
    return join(setup.share, path.slice('\\\\host.lan\\Data'.length).replaceAll('\\', '/'));
  }
  if (!/^C:\\/i.test(path)) throw new Error(`Path not found: ${path}`);
  return join(setup.drive, path.slice(3).replaceAll('\\', '/'));
}
const quietly = <T>(ask: () => T, otherwise: T): T => {
  try {
    return ask();
  } catch {
    return otherwise;
  }
};

class FileSystemObject {
  FileExists = (path: string) => quietly(() => statSync(local(path)).isFile(), false);
  FolderExists = (path: string) => quietly(() => statSync(local(path)).isDirectory(), false);
  GetFile = (path: string) => ({ Size: statSync(local(path)).size });
  CreateFolder = (path: string) => mkdirSync(local(path, true));
  DeleteFile = (path: string) => rmSync(local(path, true));
  DeleteFolder = (path: string) => rmSync(local(path, true), { recursive: true });
  CopyFile = (from: string, to: string) => copyFileSync(local(from), local(to, true));
  MoveFile(from: string, to: string) {
    if (existsSync(local(to, true))) throw new Error('File already exists');
    renameSync(local(from, true), local(to, true));
  }
  CreateTextFile(path: string, _overwrite: boolean, unicode: boolean) {
    const file = local(path, true);
    writeFileSync(file, unicode ? Buffer.from('\ufeff', 'utf16le') : '');
    return this.#writer(file, unicode ? 'utf16le' : 'latin1');
  }
  OpenTextFile(path: string, mode: number, _create: boolean, unicode: number) {
    if (mode === 8) return this.#writer(local(path, true), 'latin1');
    let rest = readFileSync(local(path), unicode === -1 ? 'utf16le' : 'latin1').replace(/^\ufeff/, '');
    const take = (length: number) => {
      if (rest === '') throw new Error('Input past end of file');
      const text = rest.slice(0, length);
      rest = rest.slice(length);
      return text;
    };
    return {
      get AtEndOfStream() {
        return rest === '';
      },
      ReadAll: () => take(Number.POSITIVE_INFINITY),
      Read: take,
      Close() {},
    };
  }
  #writer(file: string, encoding: 'utf16le' | 'latin1') {
    const write = (text: string) => {
      if (encoding === 'latin1' && /[^\0-\xff]/.test(text)) throw new Error('Invalid procedure call or argument');
      appendFileSync(file, text, encoding);
    };
    return { Write: write, WriteLine: (text: string) => write(`${text}\r\n`), Close() {} };
  }
}

interface Process {
  pid: number;
  folder: string;
  script: string[];
  since: number;
  over: boolean;
}
const processes: Process[] = [];

/**
 * A command's "batch file" here is a little script: `out TEXT`, `err TEXT`, `big BYTES`, `wait MS`, `exit CODE`, `vanish`; each line takes
 * effect when its time has come.
 */
function advance(): void {
  for (const process of processes) {
    while (!process.over && process.script.length > 0) {
      const [verb = '', rest = ''] = /^(\w+) ?(.*)$/.exec(process.script[0] ?? '')?.slice(1) ?? [];
      if (verb === 'wait') {
        if (clock() - process.since < Number(rest)) break;
        process.since += Number(rest);
      } else if (verb === 'out') appendFileSync(join(process.folder, 'stdout'), rest, 'latin1');
      else if (verb === 'err') appendFileSync(join(process.folder, 'stderr'), rest, 'latin1');
      else if (verb === 'big') appendFileSync(join(process.folder, 'stdout'), 'x'.repeat(Number(rest)));
      else if (verb === 'exit') writeFileSync(join(process.folder, 'exit'), `${rest}\r\n`);
      if (verb === 'exit' || verb === 'vanish') process.over = true;
      process.script.shift();
    }
  }
}

class Shell {
  CurrentDirectory = 'C:\\';
  RegRead(name: string) {
    const value = setup.registry[name.split('\\').at(-1) ?? ''];
    if (value === undefined) throw new Error('Unable to open registry key.');
    return value;
  }
  RegWrite = (name: string, value: string) => note({ regWrite: `${name}=${value}` });
  ExpandEnvironmentStrings = (text: string) =>
    text.replace('%COMPUTERNAME%', 'WIN-\u00c4\u0416 1').replace('%USERNAME%', 'somebody');
  Exec(line: string) {
    const run = line.replace('cmd.exe /d /c ', '');
    const folder = local(run.slice(0, run.lastIndexOf('\\')));
    const pid = 1000 + processes.length;
    note({ exec: line, directory: this.CurrentDirectory });
    if (basename(run.replaceAll('\\', '/')) === 'copy.cmd')
      copyByScript(readFileSync(join(folder, 'copy.cmd'), 'latin1'));
    else {
      for (const stream of ['stdout', 'stderr']) writeFileSync(join(folder, stream), '');
      const script = readFileSync(join(folder, 'job.cmd'), 'latin1').trim().split('\r\n');
      processes.push({ pid, folder, script, since: clock(), over: false });
      advance();
    }
    const process = processes.at(-1);
    return {
      ProcessID: pid,
      get Status() {
        return process?.over ? 1 : 0;
      },
    };
  }
  Run(line: string) {
    note({ run: line });
    const killed = /^taskkill \/f \/t \/pid (\d+)$/.exec(line);
    if (killed !== null) for (const process of processes) if (process.pid === Number(killed[1])) process.over = true;
    const [, command = '', target = ''] =
      /^cmd\.exe \/d (?:\/[au] )?\/c (?:chcp 65001>nul&)?(.*) > (C:\\.*)$/.exec(line) ?? [];
    if (command.startsWith('route'))
      writeFileSync(local(target), '  0.0.0.0   0.0.0.0   172.30.4.1   172.30.4.2   25\r\n');
    if (command.startsWith('dir ')) {
      const jobs = local('C:\\vapiorc\\jobs');
      const newest = (name: string) => -statSync(join(jobs, name)).mtimeMs;
      const names = existsSync(jobs) ? readdirSync(jobs).toSorted((a, b) => newest(a) - newest(b)) : [];
      writeFileSync(local(target), names.map((name) => `${name}\r\n`).join(''));
    }
    if (command.startsWith('type ')) convert(line.includes(' /u '), local(command.slice(5)), local(target));
    return 0;
  }
}

/** As cmd.exe's `type`: between UTF-16 and the OEM code page 437, of which this knows two characters; a `chcp` changes nothing here. */
function convert(toUnicode: boolean, from: string, to: string): void {
  const oem = [
    ['\x82', '\u00e9'],
    ['\x84', '\u00e4'],
  ] as const;
  const bytes = readFileSync(from);
  let text = toUnicode ? bytes.toString('latin1') : bytes.toString('utf16le').replace(/^\ufeff/, '');
  for (const [byte, character] of oem)
    text = toUnicode ? text.replaceAll(byte, character) : text.replaceAll(character, byte);
  writeFileSync(
    to,
    toUnicode ? Buffer.from(text, 'utf16le') : Buffer.from(text.replaceAll(/[^\0-\xff]/g, '?'), 'latin1'),
  );
}

function copyByScript(script: string): void {
  let outcome = 'yes';
  for (const [, from = '', to = ''] of script.matchAll(/^copy \/b \/y (\S+) (\S+) >nul/gm)) {
    if (!quietly(() => copyFileSync(local(from), local(to, true)) === undefined, false)) outcome = 'no';
  }
  const marker = /^>(\S+copied) echo yes/m.exec(script)?.[1] ?? '';
  writeFileSync(local(marker), `${outcome}\r\n`);
}

const never = new Int32Array(new SharedArrayBuffer(4));
let requests = 0;
class WinHttp {
  Status = 0;
  ResponseText = '';
  #url = '';
  #headers: Record<string, string> = {};
  #response: Record<string, string> = {};
  #id = 0;
  SetProxy = (kind: number) => kind;
  SetTimeouts() {}
  Open(method: string, url: string, async: boolean) {
    if (method !== 'POST' || !async) throw new Error('not as the agent speaks');
    this.#url = url;
  }
  SetRequestHeader(name: string, value: string) {
    this.#headers[name] = value;
  }
  Send(body: string) {
    this.#id = ++requests;
    Atomics.store(setup.signal, 0, 0);
    note({ request: this.#id, url: this.#url, headers: this.#headers, body, at: clock() });
  }
  WaitForResponse(seconds: number) {
    if (Atomics.load(setup.signal, 0) === 0) Atomics.wait(setup.signal, 0, 0, seconds * Atomics.load(setup.knobs, 1));
    for (
      let message = receiveMessageOnPort(setup.port)?.message;
      message;
      message = receiveMessageOnPort(setup.port)?.message
    ) {
      if (message.request !== this.#id) continue;
      if (message.error !== undefined) throw new Error('A connection with the server could not be established');
      this.Status = message.status;
      this.ResponseText = message.text;
      this.#response = message.headers;
      return true;
    }
    Atomics.store(setup.signal, 0, 0);
    clockMs += seconds * 1000;
    advance();
    return false;
  }
  GetResponseHeader(name: string) {
    const value = this.#response[name.toLowerCase()];
    if (value === undefined) throw new Error('The requested header was not found');
    return value;
  }
  Abort() {}
}

/** WMI with the two classes that the agent changes Windows through. */
class Locator {
  constructor() {
    if (!setup.wmi) throw new Error('Automation server can not create object');
  }
  ConnectServer(_host: string, path: string) {
    return {
      Security_: { Privileges: { Add: (privilege: number) => note({ privilege }) } },
      ExecQuery: (query: string) => ({
        item: {
          SetDateTime(time: string) {
            note({ wmi: `${path} ${query} SetDateTime ${time}` });
            const [, y, mo, d, h, mi, s] =
              /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)\.000000\+000$/.exec(time)?.map(Number) ?? [];
            clockMs = Date.UTC(y ?? 0, (mo ?? 1) - 1, d, h, mi, s);
            return 0;
          },
          Rename(name: string) {
            note({ wmi: `${path} ${query} Rename ${name}` });
            return 0;
          },
        },
      }),
    };
  }
}

const objects: Record<string, new () => object> = {
  'Scripting.FileSystemObject': FileSystemObject,
  'WScript.Shell': Shell,
  'WinHttp.WinHttpRequest.5.1': WinHttp,
  'WbemScripting.SWbemLocator': Locator,
};
function ActiveXObject(name: string): object {
  const Class = objects[name];
  if (Class === undefined) throw new Error(`ActiveX component can't create object: ${name}`);
  return new Class();
}
function Enumerator(collection: { item: object }) {
  return { item: () => collection.item };
}

const WScript = {
  FullName: setup.host,
  Arguments: { length: setup.args.length, Item: (n: number) => setup.args[n] },
  Sleep(ms: number) {
    clockMs += ms;
    advance();
    Atomics.wait(never, 0, 0, Math.max(1, (ms * Atomics.load(setup.knobs, 2)) / 1000));
  },
  Quit(code: number) {
    note({ quit: code });
  },
};
// Windows' own engine has none of the newer globals: an agent that uses one fails here as it would there.
runInNewContext(setup.agent, {
  WScript,
  ActiveXObject,
  Enumerator,
  Date: AgentDate,
  JSON: undefined,
  Promise: undefined,
  Map: undefined,
});
