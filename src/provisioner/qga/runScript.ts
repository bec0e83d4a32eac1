import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Lead } from '../../domain/lead.js';
import type { QemuAgent, ScriptEnd } from '../../domain/qemuAgent.js';
import { type QgaClient, QgaFault } from './client.js';

/** The agent's own buffer for what it reads is bounded. */
const PIECE_BYTES = 32_768;
const FIRST_POLL_MS = 30;
const SLOWEST_POLL_MS = 1_000;
/** How long a script that was told to end is waited for. */
const KILL_LIMIT_MS = 5_000;

const Handle = z.int().nonnegative();
const Started = z.object({ pid: z.int().nonnegative() });
const Status = z.object({
  exited: z.boolean(),
  exitcode: z.int().optional(),
  'out-data': z.string().default(''),
  'err-data': z.string().default(''),
});
type Status = z.infer<typeof Status>;

/** How each kind of system is given a script: as a file, because what a shell makes of quotes on a command line is another matter. */
const SYSTEMS = {
  windows: {
    file: (id: string) => `C:\\Windows\\Temp\\vapiorc-${id}.cmd`,
    run: (file: string) => ({ path: 'cmd.exe', arg: ['/d', '/c', file] }),
    kill: (pid: number) => ({ path: 'taskkill.exe', arg: ['/f', '/t', '/pid', String(pid)] }),
    remove: (file: string) => ({ path: 'cmd.exe', arg: ['/d', '/c', 'del', '/f', file] }),
  },
  other: {
    file: (id: string) => `/tmp/vapiorc-${id}.sh`,
    // In a session of its own where there is setsid, so that its children can be ended with it.
    run: (file: string) => ({
      path: '/bin/sh',
      arg: ['-c', `command -v setsid >/dev/null && exec setsid /bin/sh ${file}; exec /bin/sh ${file}`],
    }),
    kill: (pid: number) => ({ path: '/bin/sh', arg: ['-c', `kill -KILL -${pid} || kill -KILL ${pid}`] }),
    remove: (file: string) => ({ path: '/bin/sh', arg: ['-c', `rm -f ${file}`] }),
  },
} as const;

/** Puts a script into the guest, runs it there, and takes it away again. See `QemuAgent.run`. */
export async function runScript(
  client: QgaClient,
  lead: Lead,
  system: QemuAgent['system'],
  script: Uint8Array,
  { timeoutMs, cancelled }: { timeoutMs: number; cancelled: AbortSignal },
): Promise<ScriptEnd> {
  const how = SYSTEMS[system];
  const file = how.file(randomUUID());
  await writeFile(client, file, script);
  try {
    await lead.confirm();
    const started = await client.call('guest-exec', { ...how.run(file), 'capture-output': true });
    const { pid } = checked(Started, started);
    const ended = await untilExited(client, pid, timeoutMs, cancelled);
    if (ended) return endOf('exited', ended);
    await lead.confirm();
    await client.call('guest-exec', how.kill(pid));
    const killed = await untilExited(client, pid, KILL_LIMIT_MS);
    return endOf(cancelled.aborted ? 'cancelled' : 'timeout', killed);
  } finally {
    // Whoever leads by now: nobody else knows of this file. A guest that does not let go of it keeps it: it goes with the VM.
    await client.call('guest-exec', how.remove(file)).catch(() => {});
  }
}

async function writeFile(client: QgaClient, path: string, content: Uint8Array): Promise<void> {
  const handle = checked(Handle, await client.call('guest-file-open', { path, mode: 'wb' }));
  for (let at = 0; at < content.length; at += PIECE_BYTES) {
    const piece = Buffer.from(content.subarray(at, at + PIECE_BYTES));
    await client.call('guest-file-write', { handle, 'buf-b64': piece.toString('base64') });
  }
  await client.call('guest-file-close', { handle });
}

/** Undefined: it still runs when the time is over, or when nobody wants it any more. */
async function untilExited(
  client: QgaClient,
  pid: number,
  limitMs: number,
  cancelled?: AbortSignal,
): Promise<Status | undefined> {
  const end = performance.now() + limitMs;
  for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(pollMs * 1.5, SLOWEST_POLL_MS)) {
    const status = checked(Status, await client.call('guest-exec-status', { pid }));
    if (status.exited) return status;
    const leftMs = end - performance.now();
    if (leftMs <= 0 || cancelled?.aborted) return undefined;
    await sleep(Math.min(pollMs, leftMs), undefined, { signal: cancelled }).catch(() => {}); // looked at once more
  }
}

function endOf(state: ScriptEnd['state'], status: Status | undefined): ScriptEnd {
  const { exitcode, 'out-data': out = '', 'err-data': err = '' } = status ?? {};
  return {
    state,
    // Windows' own are unsigned, and are known by their signed form.
    exitCode: state === 'exited' && exitcode !== undefined ? exitcode | 0 : null,
    stdout: Buffer.from(out, 'base64'),
    stderr: Buffer.from(err, 'base64'),
  };
}

function checked<T>(schema: z.ZodType<T>, said: unknown): T {
  const parsed = schema.safeParse(said);
  if (!parsed.success) throw new QgaFault('it answers something else than was asked');
  return parsed.data;
}
