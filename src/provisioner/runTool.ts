import { randomUUID } from 'node:crypto';
import type { ContainerInfo, MountSettings } from 'dockerode';
import { demuxLogs } from './demuxLogs.js';
import { type Engine, unlessGone } from './engine.js';
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

/** Runs one command in a throw-away container without a network. @throws when it does not end within its limit. */
export async function runTool(
  engine: Engine,
  deployment: string,
  tool: Tool,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [program, ...args] = tool.command;
  const container = await engine.quick.createContainer({
    Image: tool.image,
    Entrypoint: [program],
    Cmd: args,
    Labels: { [LABEL.deployment]: deployment, [LABEL.tool]: randomUUID() },
    ...(tool.workingDir === undefined ? {} : { WorkingDir: tool.workingDir }),
    HostConfig: {
      NetworkMode: 'none',
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
  try {
    await container.start();
    const ended = engine.patient.getContainer(container.id).wait({ abortSignal: AbortSignal.timeout(tool.limitMs) });
    const { StatusCode } = (await ended) as { StatusCode: number };
    const logs = (await container.logs({ stdout: true, stderr: true })) as unknown;
    const { stdout, stderr } = demuxLogs(Buffer.isBuffer(logs) ? logs : Buffer.alloc(0));
    return { code: StatusCode, stdout, stderr };
  } finally {
    await unlessGone(container.remove({ force: true, v: true }));
  }
}

/** A server that was killed may have left some: those that are old enough to be nobody's any more are removed. */
export async function removeOldTools(engine: Engine, deployment: string): Promise<void> {
  const labels = [`${LABEL.deployment}=${deployment}`, LABEL.tool];
  const found: ContainerInfo[] = await engine.quick.listContainers({ all: true, filters: { label: labels } });
  for (const { Id, Created } of found) {
    if (Date.now() / 1000 - Created < 3600) continue;
    await unlessGone(engine.quick.getContainer(Id).remove({ force: true, v: true }));
  }
}
