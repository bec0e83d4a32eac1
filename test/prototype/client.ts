/**
 * The prototype's own clients, as its README gives them: `example.py` and the lines of `curl.sh`, to the letter. They are fixtures,
 * not code of ours. Their text says localhost:8000, so that is where the server that is tested must listen.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const PROTOTYPE_PORT = 8000;

const run = promisify(execFile);
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
/** Not whichever python3 comes first: Debian's is the one that has Debian's python3-requests. */
const PYTHON = '/usr/bin/python3';
const LIMIT_MS = 60_000;

/** Fails, with the reason in words, when something else listens where the clients will call. */
export async function expectPortFree(): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    const taken = (err: Error) =>
      reject(new Error(`port ${PROTOTYPE_PORT} is in use; the prototype's clients call it by number, so it must be free`, { cause: err }));
    server.once('error', taken).listen(PROTOTYPE_PORT, '127.0.0.1', () => server.close(() => resolve()));
  });
}

/**
 * Runs the Python example. The file is run as it is, by `runpy`, and what it was told is read from its variables.
 * @throws Error  it failed, or Python or its `requests` is not there: a missing engine is a failure, not a skip.
 */
export async function runPythonExample(): Promise<{ instanceId: string; novncUrl: string; rdpPort: number }> {
  await run(PYTHON, ['-c', 'import requests']).catch((err: unknown) => {
    throw new Error(`${PYTHON} with its requests module is needed: apt-get install python3-requests`, { cause: err });
  });
  const reader = [
    'import json, runpy, sys',
    'told = runpy.run_path(sys.argv[1])',
    'print(json.dumps([told["response"].status_code, told["vm_info"], told["novnc_url"], told["rdp_port"]]))',
  ].join('\n');
  const { stdout } = await run(PYTHON, ['-c', reader, here('example.py')], { timeout: LIMIT_MS });
  const [status, vm, novncUrl, rdpPort] = JSON.parse(stdout);
  if (status !== 200) throw new Error(`the example was answered with ${status}: ${JSON.stringify(vm)}`);
  return { instanceId: vm.instance_id, novncUrl, rdpPort };
}

/** The curl lines in their order: create a golden image, mark it ready, assign a VM. */
export function curlLines(): { createGoldenImage: string; markReady: string; assign: string } {
  const [createGoldenImage, markReady, assign] = readFileSync(here('curl.sh'), 'utf8').trim().split('\n');
  if (!createGoldenImage || !markReady || !assign) throw new Error('curl.sh must have three lines');
  return { createGoldenImage, markReady, assign };
}

/** Runs one of the lines in a shell, with the golden image's id where the line says {golden_id}; answers with what curl printed. */
export async function runCurl(line: string, goldenId = ''): Promise<Record<string, string | number>> {
  const { stdout } = await run('/bin/sh', ['-c', line.replace('{golden_id}', goldenId)], { timeout: LIMIT_MS });
  return JSON.parse(stdout);
}
