import { randomUUID } from 'node:crypto';
import { readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join, posix, relative } from 'node:path';
import { Unavailable } from '../../../domain/errors.js';
import type { Storage } from '../../../storage/storage.js';
import { type Engine, unlessGone } from '../engine/engine.js';
import type { Tools } from '../tools.js';
import { mapPath } from './mapPath.js';
import { selfContainerId } from './selfContainer.js';

const PROOF_LIMIT_MS = 60_000;
const FIX =
  "Mount the storage folder into the server's container, or set VAPIORC_HOST_STORAGE_PATH to the folder as the Docker host sees it.";

export type HostPaths = ReturnType<typeof createHostPaths>;

/**
 * Where the server's files are on the Docker host. The server may run in a container of its own; then the two differ,
 * and a wrong guess would give each VM an empty disk. So each mapping is proven before anything is made.
 */
export function createHostPaths(deps: {
  engine: Engine;
  tools: Tools;
  storage: Storage;
  override: string | undefined;
  /** Where this process reads about itself; a test gives another file. */
  mountinfoPath?: string;
}) {
  const { engine, tools, storage, override, mountinfoPath = '/proc/self/mountinfo' } = deps;
  const { layout } = storage;
  let proof: Promise<void> | undefined;
  let failed = false;

  async function selfId(): Promise<string | undefined> {
    return selfContainerId(await readFile(mountinfoPath, 'utf8').catch(() => ''));
  }

  /** @throws Unavailable  the path is not on the Docker host at all. */
  async function toHost(path: string): Promise<string> {
    const way = relative(layout.root, path);
    if (override !== undefined) return posix.join(override, way);
    const id = await selfId();
    // An engine that does not know the container we are in is another one than ours: then only the proof can tell.
    const self = id === undefined ? undefined : await unlessGone(engine.getContainer(id).inspect());
    if (self === undefined) return path;
    const real = join(await realpath(layout.root), way);
    const mapped = mapPath(real, self.Mounts);
    if (mapped === undefined) {
      throw new Unavailable(
        'storage',
        `the storage ${layout.root} lies inside the server's own container, where no other container can reach it`,
        FIX,
      );
    }
    return mapped;
  }

  async function proveNow(image: string): Promise<void> {
    const nonce = randomUUID();
    const tops = [layout.goldens, layout.installs, layout.vms];
    const files = tops.map((top) => join(top, `.proof-${nonce}`));
    const tried = await Promise.all(tops.map(toHost));
    const wrong = (why: string): Unavailable =>
      new Unavailable(
        'storage',
        `the storage ${layout.root} is not ${parentOf(tried)} on the Docker host: ${why}`,
        FIX,
      );
    try {
      for (const file of files) await writeFile(file, `${nonce}\n`);
      const { stdout, stderr } = await tools.run({
        image,
        command: ['cat', ...tops.map((_, index) => `/vapiorc-proof/${index}/.proof-${nonce}`)],
        mounts: tried.map((source, index) => ({ target: `/vapiorc-proof/${index}`, source, readOnly: true })),
        limitMs: PROOF_LIMIT_MS,
      });
      if (/permission denied/i.test(stderr)) throw denied(tried, stderr);
      if (stdout !== files.map(() => `${nonce}\n`).join(''))
        throw wrong(`a file written here is not seen there (${stderr.trim().slice(0, 200)})`);
    } catch (fault) {
      if (fault instanceof Error && /bind source path does not exist/i.test(fault.message))
        throw wrong('there is no such folder');
      throw fault;
    } finally {
      for (const file of files) await rm(file, { force: true });
    }
  }

  /** The path may be right, but nobody can tell. */
  const denied = (tried: string[], stderr: string): Unavailable =>
    new Unavailable(
      'storage',
      `containers may not read the storage ${layout.root} (${parentOf(tried)} on the Docker host): ${stderr.trim().slice(0, 200)}`,
      "Let root of a container read it: the guest image must run as root, a label of SELinux must allow it (chcon -Rt container_file_t), a share of another host must not take root's rights (no_root_squash).",
    );

  return {
    toHost,
    inContainer: async (): Promise<boolean> => (await selfId()) !== undefined,

    /**
     * Shows once that a container made of `image` sees the storage where we say it is.
     * @throws Unavailable  it does not; names both paths.
     */
    async prove(image: string): Promise<void> {
      proof ??= proveNow(image);
      try {
        await proof;
        failed = false;
      } catch (fault) {
        proof = undefined;
        failed = true;
        throw fault;
      }
    },

    /** The engine went away or a start failed: what was proven may not hold any more. */
    forget(): void {
      proof = undefined;
    },

    isProven: (): boolean => proof !== undefined && !failed,
  };
}

function parentOf(paths: string[]): string {
  return posix.dirname(paths[0] ?? '');
}
