import { randomUUID } from 'node:crypto';
import type { ContainerInfo, MountSettings } from 'dockerode';
import { deadline } from '../../primitives/deadline.js';
import { demuxLogs } from './demuxLogs.js';
import { type Engine, unlessGone } from './engine/engine.js';
import { LABEL } from './labels.js';

export interface Tool {
  image: string;
  /** Program and its arguments: takes the place of the image's own entrypoint. */
  command: [string, ...string[]];
  /** Path in the container → path on the Docker host. */
  mounts: { target: string; source: string; readOnly: boolean }[];
  workingDir?: string;
  limitMs: number;
}

/** On top of a tool's own limit: its container is made, started and removed too. */
const MARGIN_SECONDS = 180;

/** Commands in throw-away containers without a network. */
export class Tools {
  /** Marks those of this process. */
  readonly #owner = randomUUID();
  /** Those of them that somebody waits for. */
  readonly #running = new Set<string>();

  constructor(
    readonly engine: Engine,
    readonly deployment: string,
  ) {}

  /** Runs one. @throws when it does not end within its limit. */
  async run(tool: Tool): Promise<{ code: number; stdout: string; stderr: string }> {
    const id = randomUUID();
    this.#running.add(id);
    try {
      return await this.#run(id, tool);
    } finally {
      this.#running.delete(id);
    }
  }

  /**
   * Removes those that nobody waits for any more: the engine was away when they should have been removed, or the server that started them
   * is no more. Another server's are left until their own limit has passed.
   */
  async sweep(): Promise<void> {
    const labels = [`${LABEL.deployment}=${this.deployment}`, LABEL.tool];
    const found: ContainerInfo[] = await this.engine.listContainers({ all: true, filters: { label: labels } });
    if (found.length === 0) return;
    // Both times are the engine's, whose clock need not be ours.
    const { SystemTime } = (await this.engine.info()) as { SystemTime: string };
    for (const { Id, Created, Labels } of found) {
      const isOurs = Labels[LABEL.toolOwner] === this.#owner;
      const limitSeconds = Number(Labels[LABEL.toolSeconds]) || 0;
      const isOver = Date.parse(SystemTime) / 1000 - Created > limitSeconds + MARGIN_SECONDS;
      if (isOurs ? this.#running.has(Labels[LABEL.tool] ?? '') : !isOver) continue;
      await unlessGone(this.engine.getContainer(Id).remove({ force: true, v: true }));
    }
  }

  async #run(id: string, tool: Tool): Promise<{ code: number; stdout: string; stderr: string }> {
    const [program, ...args] = tool.command;
    const container = await this.engine.createContainer({
      Image: tool.image,
      Entrypoint: [program],
      Cmd: args,
      Labels: {
        [LABEL.deployment]: this.deployment,
        [LABEL.tool]: id,
        [LABEL.toolOwner]: this.#owner,
        [LABEL.toolSeconds]: String(Math.ceil(tool.limitMs / 1000)),
      },
      ...(tool.workingDir === undefined ? {} : { WorkingDir: tool.workingDir }),
      HostConfig: {
        NetworkMode: 'none',
        UsernsMode: 'host', // as machines have it
        Mounts: tool.mounts.map(
          ({ target, source, readOnly }): MountSettings => ({
            Type: 'bind',
            Target: target,
            Source: source,
            ReadOnly: readOnly,
          }),
        ),
        Tmpfs: { '/storage': '' }, // else the image's VOLUME makes an anonymous one
        LogConfig: { Type: 'json-file', Config: {} },
        PidsLimit: 512,
      },
    });
    const { signal, done } = deadline(tool.limitMs);
    try {
      await container.start();
      const { StatusCode } = (await container.wait({ abortSignal: signal })) as { StatusCode: number };
      const logs = (await container.logs({ stdout: true, stderr: true })) as unknown;
      const { stdout, stderr } = demuxLogs(Buffer.isBuffer(logs) ? logs : Buffer.alloc(0));
      return { code: StatusCode, stdout, stderr };
    } finally {
      done();
      await unlessGone(container.remove({ force: true, v: true }));
    }
  }
}
