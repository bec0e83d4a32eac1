/**
 * `npm test`: everything, on a fresh machine too. Installs what Debian has and this machine lacks (as root), starts Docker when
 * it does not run, runs the checks and the tests, stops what it started, and ends with one line: N passed, N failed.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeRelease } from '../test/support/nodeRelease.js';
import { CHECKS, type Check, check, type Outcome } from './checks.js';

/** What the tests need, by the Debian package that has it. A missing engine is an error, not a skip. */
const ENGINES: readonly (readonly [pkg: string, isThere: () => boolean])[] = [
  ['docker.io', () => onPath('dockerd') && onPath('docker')],
  ['iptables', () => onPath('iptables')],
  ['iproute2', () => onPath('ip')],
  ['procps', () => onPath('sysctl')],
  ['podman', () => onPath('podman')],
  ['redis-server', () => onPath('redis-server')],
  ['postgresql-15', () => existsSync('/usr/lib/postgresql/15/bin/postgres')],
  ['pgbouncer', () => onPath('pgbouncer')],
  ['openssl', () => onPath('openssl')],
  ['nginx', () => onPath('nginx')],
  ['haproxy', () => onPath('haproxy')],
  ['qemu-system-x86', () => onPath('qemu-system-x86_64')],
  ['qemu-utils', () => onPath('qemu-img')],
  ['busybox-static', () => existsSync('/bin/busybox') || existsSync('/usr/bin/busybox')],
  ['chromium', () => existsSync('/usr/bin/chromium')],
  ['debootstrap', () => onPath('debootstrap')],
  ['wine', () => onPath('wine') && onPath('wineboot')],
  ['wine64', () => existsSync('/usr/lib/wine/wine64')],
  ['gcc-mingw-w64-x86-64', () => onPath('x86_64-w64-mingw32-gcc')],
  ['python3-requests', () => run('/usr/bin/python3', ['-c', 'import requests']).status === 0],
];

/** Fails where a package says that it does not run on this Node, of which `npm ci` only warns. */
const FITS: Check = ['packages fit this Node', 'npm', ['ci', '--dry-run', '--engine-strict', '--no-audit']];

/**
 * The other releases of Node that `engines` allows, beside the one that runs this. (The Dockerfile's runs in the tests of the
 * container as well.) What depends on Node is tried on each: streams, sockets, workers of other packages, the server with the main job.
 */
const OTHER_NODES = ['22.23.3', '24.21.0'];
const ON_OTHER_NODES = [
  'test/domain',
  'test/primitives',
  'test/config.test.ts',
  'test/architecture.test.ts',
  'test/http/upgrades.test.ts',
  'test/http/resets.test.ts',
  'test/graphql/sockets.test.ts',
  'test/graphql/subscriptions.test.ts',
  'test/rest/files.test.ts',
  'test/guest/guestNext.test.ts',
  'test/system/sockets.test.ts',
];

const DOCKER_LIMIT_MS = 60_000;

function run(command: string, args: string[]) {
  return spawnSync(command, args, { stdio: 'ignore' });
}

function onPath(program: string): boolean {
  const folders = `${process.env.PATH}:/usr/sbin:/sbin:/usr/bin`.split(':');
  return folders.some((folder) => existsSync(join(folder, program)));
}

/** The stand-ins are made of packages that apt fetches, for which it must know where they are. */
function aptKnowsPackages(): boolean {
  const lists = '/var/lib/apt/lists';
  return existsSync(lists) && readdirSync(lists).some((file) => file.includes('_Packages'));
}

function install(): void {
  const missing = ENGINES.filter(([, isThere]) => !isThere()).map(([pkg]) => pkg);
  if (missing.length === 0 && aptKnowsPackages()) return;
  const line = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0 || !onPath('apt-get'))
    throw new Error(
      missing.length > 0
        ? `the tests need: ${missing.join(', ')}. On Debian, as root: ${line}`
        : 'the stand-ins of the VM image are made of Debian packages: run the tests on Debian, after apt-get update',
    );
  console.log(`installing ${missing.join(', ') || 'nothing, but apt has no package lists'}`);
  // In runlevel 1 Debian starts no services of what it installs: the tests start their own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const args of [['update', '-q'], ...(missing.length > 0 ? [line.split(' ').slice(1)] : [])]) {
    const { status } = spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'], env });
    if (status !== 0) throw new Error(`failed: apt-get ${args.join(' ')}`);
  }
}

const dockerAnswers = () => run('docker', ['info']).status === 0;

/** Starts the daemon unless one answers; the caller stops it. */
async function startDocker(folder: string): Promise<ChildProcess | undefined> {
  if (dockerAnswers()) return undefined;
  if (process.getuid?.() !== 0)
    throw new Error('Docker does not answer, and only root can start it: start Docker, then run the tests again');
  const logFile = join(folder, 'dockerd.log');
  // Straight into a file: a pipe would have to be read by this process, which waits for the tests, and a full one stops the daemon.
  const log = openSync(logFile, 'a');
  const daemon = spawn('dockerd', [], {
    stdio: ['ignore', log, log],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  });
  closeSync(log);
  const deadline = Date.now() + DOCKER_LIMIT_MS;
  while (!dockerAnswers()) {
    if (daemon.exitCode !== null || Date.now() > deadline) {
      daemon.kill();
      throw new Error(`Docker did not start:\n${readFileSync(logFile, 'utf8').slice(-2000)}`);
    }
    await sleep(250);
  }
  return daemon;
}

async function stopDocker(daemon: ChildProcess | undefined): Promise<void> {
  if (daemon === undefined || daemon.exitCode !== null) return;
  const ended = new Promise((resolve) => daemon.once('exit', resolve));
  daemon.kill('SIGTERM');
  await ended;
}

function tests(folder: string, files: string[], env = process.env): Outcome {
  const report = join(folder, 'report.json');
  rmSync(report, { force: true });
  const { status } = spawnSync(
    'npx',
    ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...files],
    { stdio: ['ignore', 'inherit', 'inherit'], env },
  );
  if (!existsSync(report)) return { passed: 0, failures: ['vitest ended without a report'] };
  const { numPassedTests, testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    numPassedTests: number;
    testResults: FileResult[];
  };
  const failures = testResults.flatMap(failuresOf);
  if (status !== 0 && failures.length === 0)
    failures.push(`vitest ended with ${status}, and no test failed: see above`);
  return { passed: numPassedTests, failures };
}

/** Of vitest's JSON report. */
interface FileResult {
  name: string;
  status: string;
  message: string;
  assertionResults: { fullName: string; status: string; failureMessages: string[] }[];
}

const FAILURE_SHOWN = 600;

function failuresOf({ name, status, message, assertionResults }: FileResult): string[] {
  const file = relative(process.cwd(), name);
  // A file that could not even be loaded has failed without a failed test in it.
  if (status === 'failed' && assertionResults.length === 0) return [`${file}: ${message.slice(0, FAILURE_SHOWN)}`];
  return assertionResults
    .filter((test) => test.status === 'failed')
    .map(
      ({ fullName, failureMessages }) => `${file} > ${fullName}: ${failureMessages.join('\n').slice(0, FAILURE_SHOWN)}`,
    );
}

/** Each release comes first on the PATH, so that npm, vitest and the servers that the tests start run on it. */
async function onOtherNodes(folder: string): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const version of OTHER_NODES) {
    const env = { ...process.env, PATH: `${dirname(await nodeRelease(version))}:${process.env.PATH}` };
    console.log(`on Node ${version}`);
    outcomes.push(check([FITS], env), tests(folder, ON_OTHER_NODES, env));
  }
  return outcomes;
}

const folder = mkdtempSync(join(tmpdir(), 'vapiorc-test-run-'));
const total: Outcome = { passed: 0, failures: [] };
let daemon: ChildProcess | undefined;
try {
  install();
  daemon = await startDocker(folder);
  const files = process.argv.slice(2);
  const outcomes = files.length > 0 ? [tests(folder, files)] : [check([FITS, ...CHECKS]), tests(folder, [])];
  if (files.length === 0) outcomes.push(...(await onOtherNodes(folder)));
  for (const { passed, failures } of outcomes) {
    total.passed += passed;
    total.failures.push(...failures);
  }
} catch (err) {
  total.failures.push(err instanceof Error ? err.message : String(err));
} finally {
  await stopDocker(daemon);
  rmSync(folder, { recursive: true, force: true });
}
for (const failure of total.failures) console.log(`FAIL ${failure}`);
console.log(`${total.passed} passed, ${total.failures.length} failed`);
process.exitCode = total.failures.length > 0 || total.passed === 0 ? 1 : 0;
