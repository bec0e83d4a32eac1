import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { hasImage, importFolder } from '../../standin/docker.js';
import { nodeRelease } from '../../support/nodeRelease.js';
import { ROOT } from './build.js';

const run = promisify(execFile);

const SUITE = 'bookworm';
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

/**
 * What the Dockerfile is built from in place of the public node image, which tests can't count on pulling: a Debian of the same
 * release by debootstrap, with the node that the Dockerfile names and the npm that runs here where the public image has them. Kept
 * until one of these changes.
 */
export async function buildNodeImage(): Promise<string> {
  const version = await imageNode();
  const inputs = createHash('sha256')
    .update(`${SUITE} ${version} ${npmVersion()}`)
    .update(readFileSync(fileURLToPath(import.meta.url)))
    .digest('hex')
    .slice(0, 12);
  const tag = `vapiorc-test-node:${inputs}`;
  if (await hasImage(tag)) return tag;

  const work = mkdtempSync(join(tmpdir(), 'vapiorc-node-image-'));
  const root = join(work, 'root');
  try {
    await debootstrap(root);
    for (const folder of ['var/cache/apt', 'var/lib/apt/lists', 'dev', 'proc', 'sys'])
      rmSync(join(root, folder), { recursive: true, force: true });
    for (const folder of ['dev', 'proc', 'sys']) mkdirSync(join(root, folder));
    addNode(root, await nodeRelease(version));
    // What this machine trusts: there may be a proxy between it and the registry.
    mkdirSync(dirname(join(root, CERTIFICATES)), { recursive: true });
    copyFileSync(CERTIFICATES, join(root, CERTIFICATES));
    const path = 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    await importFolder(root, tag, [path, `ENV NODE_EXTRA_CA_CERTS=${CERTIFICATES}`]);
    return tag;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function debootstrap(root: string): Promise<void> {
  try {
    await run('debootstrap', ['--variant=minbase', SUITE, root], { maxBuffer: 16 * 1024 * 1024 });
  } catch (err) {
    const { code, stdout = '' } = err as { code?: unknown; stdout?: string };
    if (code === 'ENOENT') throw new Error('debootstrap is not installed: apt-get install debootstrap', { cause: err });
    throw new Error(`debootstrap failed (as root, with a way to Debian's mirror?): ${stdout.slice(-500)}`, {
      cause: err,
    });
  }
}

/** The version in the tag of the Dockerfile's image. */
export async function imageNode(): Promise<string> {
  const version = /^ARG NODE_IMAGE=node:([\d.]+)-bookworm-slim$/m.exec(
    await readFile(join(ROOT, 'Dockerfile'), 'utf8'),
  )?.[1];
  if (version === undefined) throw new Error('the Dockerfile does not name its node image as expected');
  return version;
}

function addNode(root: string, program: string): void {
  const bin = join(root, 'usr/local/bin');
  const modules = join(root, 'usr/local/lib/node_modules');
  copyFileSync(program, join(bin, 'node'));
  cpSync(npmFolder(), join(modules, 'npm'), { recursive: true });
  for (const name of ['npm', 'npx']) symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(bin, name));
}

/** Beside the node that runs this. */
function npmFolder(): string {
  return join(dirname(realpathSync(process.execPath)), '../lib/node_modules/npm');
}

function npmVersion(): string {
  return (JSON.parse(readFileSync(join(npmFolder(), 'package.json'), 'utf8')) as { version: string }).version;
}
