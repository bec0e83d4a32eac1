import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { until } from '../support/until.js';
import { docker } from './aDockerHost.js';

/** A Docker daemon of its own, with other settings than the one that all tests share. */
export interface SecondEngine {
  socket: string;
  docker: Docker;
  /** Runs a program in its network, which is its own: two daemons in one would take each other's firewall rules away. */
  inNetwork: (...command: string[]) => void;
  /** Ends it and starts it anew with all that it has; first it has no default network. */
  restart: (how?: { bridge: boolean }) => Promise<void>;
  stop: () => Promise<void>;
}

/** Starts one that remaps users, with this image. */
export async function aRemappingEngine(image: string): Promise<SecondEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'vapiorc-second-engine-'));
  await chmod(folder, 0o711); // its containers' root must pass
  const path = (name: string) => join(folder, name);
  const socket = path('docker.sock');
  const second = new Docker({ socketPath: socket, host: undefined });
  await writeFile(path('ranges'), 'nobody:100000:65536\n');
  // The networks of this machine's own engine have the usual addresses, and this server sees them.
  const line = (bridge: boolean) =>
    [
      `mount --bind ${path('ranges')} /etc/subuid && mount --bind ${path('ranges')} /etc/subgid && ip link set lo up`,
      `exec dockerd --userns-remap=nobody:nogroup --default-address-pool=base=10.253.0.0/16,size=24 ${bridge ? '' : '--bridge=none '}--host=unix://${socket} --data-root=${path('data')} --exec-root=${path('exec')} --pidfile=${path('pid')}`,
    ].join(' && ');
  // A machine that is new has no such files to put ours before.
  for (const file of ['/etc/subuid', '/etc/subgid']) closeSync(openSync(file, 'a'));
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

  let daemon: ChildProcess;
  async function start({ bridge } = { bridge: false }): Promise<void> {
    const log = openSync(path('log'), 'a');
    daemon = spawn('unshare', ['--mount', '--net', 'sh', '-c', line(bridge)], { stdio: ['ignore', log, log], env });
    closeSync(log);
    await until(
      'the second Docker answers',
      async () => {
        if (daemon.exitCode !== null) throw new Error(`it ended:\n${readFileSync(path('log'), 'utf8').slice(-2000)}`);
        return second.ping().catch(() => false);
      },
      30_000,
    );
  }
  async function end(): Promise<void> {
    if (daemon.exitCode !== null) return;
    const ended = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    await ended;
  }

  await start();
  await second.loadImage(await docker.getImage(image).get()).then(async (answer) => {
    answer.resume();
    await once(answer, 'end');
  });
  return {
    socket,
    docker: second,
    inNetwork(...command) {
      const { status, stderr } = spawnSync('nsenter', [`--net=/proc/${daemon.pid}/ns/net`, ...command], { env });
      if (status !== 0) throw new Error(`${command.join(' ')} failed: ${String(stderr)}`);
    },
    async restart(how) {
      await end();
      await start(how);
    },
    async stop() {
      await end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
