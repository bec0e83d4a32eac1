import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { parse } from 'acorn';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const folder = fileURLToPath(new URL('../../oem/', import.meta.url));
const agent = readFileSync(`${folder}agent.js`, 'utf8');

/** What Windows Script Host offers the agent, as far as it uses it. HTTP is real, through curl, since the agent is synchronous. */
function windows({ share, registry = {} }: { share: () => string | undefined; registry?: Record<string, string> }) {
  const waits: number[] = [];
  class FileSystemObject {
    OpenTextFile(path: string) {
      expect(path).toBe('\\\\host.lan\\Data\\guest.cfg');
      const text = share();
      if (text === undefined) throw new Error('The network path was not found.');
      const lines = text.split('\r\n');
      return {
        get AtEndOfStream() {
          return lines.length === 0;
        },
        ReadLine: () => lines.shift(),
        Close() {},
      };
    }
  }
  class Shell {
    RegRead(name: string) {
      const value = registry[name.split('\\').at(-1) ?? ''];
      if (value === undefined) throw new Error('Unable to open registry key.');
      return value;
    }
    ExpandEnvironmentStrings = (text: string) => text.replace('%COMPUTERNAME%', 'WIN-ÄÖ 1');
  }
  class WinHttp {
    Status = 0;
    #args: string[] = [];
    SetTimeouts() {}
    Open(method: string, url: string) {
      this.#args = ['-sS', '-X', method, url, '-o', '/dev/null', '-w', '%{http_code}'];
    }
    SetRequestHeader(name: string, value: string) {
      this.#args.push('-H', `${name}: ${value}`);
    }
    Send(body: string) {
      const { status, stdout, stderr } = spawnSync('curl', [...this.#args, '--data-binary', '@-'], {
        input: body,
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(stderr);
      this.Status = Number(stdout);
    }
  }
  const objects: Record<string, new () => object> = {
    'Scripting.FileSystemObject': FileSystemObject,
    'WScript.Shell': Shell,
    'WinHttp.WinHttpRequest.5.1': WinHttp,
  };
  class ActiveXObject {
    constructor(name: string) {
      const Class = objects[name];
      if (Class === undefined) throw new Error(`ActiveX component can't create object: ${name}`);
      // biome-ignore lint/correctness/noConstructorReturn: that is how ActiveXObject works
      return new Class();
    }
  }
  const run = (...args: string[]) => {
    const WScript = {
      Arguments: Object.defineProperty((n: number) => args[n], 'length', { value: args.length }),
      Sleep(ms: number) {
        waits.push(ms);
        if (waits.length > 20) throw new Error('the agent does not stop');
      },
    };
    // Windows' own engine has none of the newer globals: an agent that uses one fails here as it would there.
    runInNewContext(agent, { WScript, ActiveXObject, JSON: undefined, Promise: undefined, Map: undefined });
  };
  return { run, waits };
}

const scratch = mkdtempSync(join(tmpdir(), 'vapiorc-agent-'));
const log = join(scratch, 'requests');

/** The server answers from another thread, because the agent blocks this one. */
let server: Worker;
let url: string;
beforeAll(async () => {
  server = new Worker(
    `const { createServer } = require('node:http');
     const { parentPort } = require('node:worker_threads');
     const { appendFileSync } = require('node:fs');
     const { workerData } = require('node:worker_threads');
     let n = 0;
     createServer((req, res) => {
       let body = '';
       req.on('data', (part) => { body += part; }).on('end', () => {
         appendFileSync(workerData.log, JSON.stringify({ method: req.method, url: req.url, authorization: req.headers.authorization, body }) + '\\n');
         const statuses = (req.headers.authorization || '').replace('Bearer ', '').split('-').map(Number);
         res.writeHead(statuses[Math.min(n++, statuses.length - 1)]).end();
       });
     }).listen(0, '127.0.0.1', function () { parentPort.postMessage(this.address().port); });
     parentPort.on('message', () => { n = 0; parentPort.postMessage('reset'); });`,
    { eval: true, workerData: { log } },
  );
  const port = await new Promise<number>((resolve) => server.once('message', resolve));
  url = `http://127.0.0.1:${port}`;
});
beforeEach(async () => {
  writeFileSync(log, '');
  const reset = new Promise((resolve) => server.once('message', resolve));
  server.postMessage('reset');
  await reset;
});
afterAll(async () => {
  await server.terminate();
  rmSync(scratch, { recursive: true });
});

const requests = () =>
  readFileSync(log, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
/** The token tells the server how to answer, one status a request. */
const config = (statuses: string, server = url) =>
  `server=${encodeURIComponent(server)}\r\nid=x\r\ntoken=${statuses}\r\nrole=vm\r\n`;

test('the agent is ECMAScript 3, as Windows XP has it', () => {
  expect(() => parse(agent, { ecmaVersion: 3, sourceType: 'script' })).not.toThrow();
  expect(agent).toMatch(/^[\x20-\x7e\r\n]*$/);
});

test('install.bat is plain ASCII with CRLF, whatever git does with line ends', () => {
  const bat = readFileSync(`${folder}install.bat`, 'latin1');
  expect(bat).toMatch(/^([\x20-\x7e]*\r\n)*$/);
  expect(bat.replaceAll(/^rem .*$/gm, '')).not.toMatch(/&&|\|\|/);
});

describe('the agent', () => {
  test('reports ready with the token and what it knows of itself', () => {
    windows({ share: () => config('200'), registry: { ProductName: 'Windows 11 Pro', CurrentBuild: '26100' } }).run();
    expect(requests()).toEqual([
      {
        method: 'POST',
        url: '/guest/v1/ready',
        authorization: 'Bearer 200',
        body: 'phase=ready\r\nwindows=Windows%2011%20Pro%2026100\r\ncomputer=WIN-%C3%84%C3%96%201\r\n',
      },
    ]);
  });

  test('says "installed" when install.bat starts it', () => {
    windows({ share: () => config('200') }).run('installed');
    expect(requests()[0].body).toContain('phase=installed\r\n');
  });

  test('waits for the share, longer each time, up to 30 s', () => {
    let tries = 0;
    const guest = windows({ share: () => (++tries < 9 ? undefined : config('200')) });
    guest.run();
    expect(guest.waits).toEqual([1, 2, 4, 8, 16, 30, 30, 30].map((seconds) => seconds * 1000));
  });

  test('tries again after a fault, and reads its settings anew', () => {
    const guest = windows({ share: () => config('503-500-200') });
    guest.run();
    expect(requests()).toHaveLength(3);
    expect(guest.waits).toEqual([1000, 2000]);
  });

  test('tries again when nobody listens', () => {
    let tries = 0;
    windows({ share: () => (++tries < 3 ? config('200', 'http://127.0.0.1:1') : config('200')) }).run();
    expect(requests()).toHaveLength(1);
  });

  test.each(['401', '404', '410'])('gives up when it is told that nobody wants to hear it (%s)', (status) => {
    const guest = windows({ share: () => config(status) });
    guest.run();
    expect(requests()).toHaveLength(1);
    expect(guest.waits).toEqual([]);
  });

  test('does not report with half a configuration', () => {
    let tries = 0;
    windows({ share: () => (++tries < 3 ? 'server=http%3A%2F%2F127.0.0.1%3A1\r\n' : config('200')) }).run();
    expect(requests()).toHaveLength(1);
  });
});
