import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { duplexPair } from 'node:stream';
import { afterAll, describe, expect, test } from 'vitest';
import { Unavailable } from '../../src/domain/errors.js';
import { type Lead, NotLeading } from '../../src/domain/lead.js';
import type { QemuAgent } from '../../src/domain/qemuAgent.js';
import { agentOn } from '../../src/provisioner/qga/openQemuAgent.js';
import { ALONE } from '../support/alone.js';
import { until } from '../support/until.js';
import { aGuestAgent, removeGuestFiles } from './aGuestAgent.js';

afterAll(removeGuestFiles);

const never = new AbortController().signal;
const opened = async (...how: Parameters<typeof aGuestAgent>) =>
  (await agentOn(aGuestAgent(...how), ALONE)) as QemuAgent;
const run = (agent: QemuAgent, script: string, timeoutMs = 10_000, cancelled = never) =>
  agent.run(Buffer.from(script), { timeoutMs, cancelled });

/** A lead that is over after so many confirmations. */
const led = (times: number): Lead => {
  let left = times;
  return {
    term: 1n,
    confirm: async () => {
      if (left-- <= 0) throw new NotLeading(1n);
    },
  };
};

describe('the QEMU guest agent', () => {
  test('runs a script as it is written, and takes it away after that', async () => {
    let file = '';
    const agent = await opened((execute, { path }) => {
      if (execute === 'guest-file-open') file = path;
      return undefined;
    });
    const words = `"a 'b' $c" \\ ü`;

    const ended = await run(agent, `cat <<'END'\n${words}\nEND\necho wrong >&2\nexit 7\n`);

    expect(agent.system).toBe('other');
    expect(ended).toMatchObject({ state: 'exited', exitCode: 7 });
    expect(Buffer.from(ended.stdout).toString()).toBe(`${words}\n`);
    expect(Buffer.from(ended.stderr).toString()).toBe('wrong\n');
    expect(file).toMatch(/^\/tmp\/vapiorc-[0-9a-f-]{36}\.sh$/);
    await until('the script is gone', async () => !existsSync(file), 5000);
    agent.close();
  });

  test('takes a script of any size, and output of megabytes', async () => {
    const agent = await opened();

    const ended = await run(agent, `# ${'x'.repeat(100_000)}\nhead -c 3000000 /dev/zero\n`);

    expect(ended.stdout).toHaveLength(3_000_000);
    agent.close();
  });

  test('runs scripts side by side', async () => {
    const agent = await opened();

    const ended = await Promise.all([1, 2, 3, 4].map((code) => run(agent, `sleep 0.5; exit ${code}\n`)));

    expect(ended.map(({ exitCode }) => exitCode)).toEqual([1, 2, 3, 4]);
    agent.close();
  });

  test('does not read an answer of a million parts', async () => {
    const parts = `{"return": [${'{},'.repeat(1_000_000)}{}]}\n`;
    const agent = await opened((execute) => (execute === 'guest-file-open' ? parts : undefined));

    await expect(run(agent, 'echo\n')).rejects.toThrow('it sends more than can be taken');
    agent.close();
  });

  test('ends a script with its children when its time is over', async () => {
    const agent = await opened();

    const ended = await run(agent, 'echo begun\nsleep 600 &\nsleep 600\necho never\n', 500);

    expect(ended).toMatchObject({ state: 'timeout', exitCode: null });
    expect(Buffer.from(ended.stdout).toString()).toBe('begun\n'); // the agent tells that only when all who hold the pipe are gone
    agent.close();
  });

  test('ends a script that is cancelled', async () => {
    const agent = await opened();
    const cancel = new AbortController();
    const ended = run(agent, 'sleep 600\n', 60_000, cancel.signal);
    cancel.abort();

    expect(await ended).toMatchObject({ state: 'cancelled', exitCode: null });
    agent.close();
  });

  test('tells that the connection broke, and nothing runs over it any more', async () => {
    const channel = aGuestAgent();
    const agent = (await agentOn(channel, ALONE)) as QemuAgent;
    const running = run(agent, 'sleep 2\n');
    channel.destroy();

    await expect(running).rejects.toThrow(/closed/);
    await expect(run(agent, 'true\n')).rejects.toThrow(/closed/);
  });

  test('runs nothing for a server whose lead is over by then, and leaves nothing', async () => {
    const calls: string[] = [];
    const channel = aGuestAgent((execute, { path, arg }) => {
      calls.push(execute === 'guest-exec' ? [path, ...arg].join(' ') : execute);
      return undefined;
    });
    const agent = (await agentOn(channel, led(0))) as QemuAgent;

    await expect(run(agent, 'true\n')).rejects.toThrow(NotLeading);
    expect(calls.filter((call) => call.startsWith('/'))).toEqual([expect.stringMatching(/^\/bin\/sh -c rm -f /)]);
    agent.close();
  });

  test('ends nothing for a server whose lead is over by then', async () => {
    const agent = (await agentOn(aGuestAgent(), led(1))) as QemuAgent;
    const done = join(await mkdtemp(join(tmpdir(), 'vapiorc-qga-')), 'done');

    await expect(run(agent, `sleep 1; mkdir ${done}\n`, 100)).rejects.toThrow(NotLeading);

    await until('it went on to its end', async () => existsSync(done), 5000);
    await rm(dirname(done), { recursive: true });
    agent.close();
  });

  test('that refuses says why, in words fit to be shown', async () => {
    const refusal = `{"error": {"class": "GenericError", "desc": "no \\u0007guest-exec ${'x'.repeat(5000)}"}}\n`;
    const agent = await opened((execute) => (execute === 'guest-exec' ? refusal : undefined));

    const failed = await run(agent, 'true\n').catch((err: Error) => err.message);

    expect(failed).toMatch(/^no {2}guest-exec x+$/);
    expect(failed).toHaveLength(300);
    agent.close();
  });
});

describe('what is no QEMU guest agent', () => {
  test('is not waited for long', { timeout: 15_000 }, async () => {
    const agent = await agentOn(
      aGuestAgent(() => null),
      ALONE,
    );

    expect(agent).toBeInstanceOf(Unavailable);
    expect(agent).toMatchObject({ part: 'guest', message: expect.stringContaining('5 s') });
  });

  test('that hangs up is told so', async () => {
    const [ours, theirs] = duplexPair();
    theirs.end();
    theirs.resume();

    expect(await agentOn(ours, ALONE)).toMatchObject({ part: 'guest', message: expect.stringContaining('closed') });
  });

  test('that floods is hung up on', { timeout: 20_000 }, async () => {
    const [ours, theirs] = duplexPair();
    theirs.on('error', () => {});
    const flood = () => {
      while (!ours.destroyed && theirs.write(Buffer.alloc(1_000_000, 'x')));
    };
    theirs.on('drain', flood);
    theirs.resume();
    flood();

    expect(await agentOn(ours, ALONE)).toMatchObject({ part: 'guest', message: expect.stringContaining('more than') });
  });

  test.each([
    ['lines', '\n'.repeat(101)],
    ['lines that nobody asked for', '{"return": {}}\n'.repeat(101)],
  ])('that floods with %s is hung up on', async (_what, flood) => {
    const [ours, theirs] = duplexPair();
    theirs.on('error', () => {});
    theirs.once('data', () => theirs.write(flood));

    expect(await agentOn(ours, ALONE)).toMatchObject({ part: 'guest', message: expect.stringContaining('more than') });
  });

  test('that floods behind an answer is hung up on, too', async () => {
    const channel = aGuestAgent((execute) => (execute === 'guest-file-open' ? '{}\n'.repeat(101) : undefined));
    const agent = (await agentOn(channel, ALONE)) as QemuAgent;

    await expect(run(agent, 'true\n')).rejects.toThrow();
    expect(channel.destroyed).toBe(true);
  });

  test('that sends large lines that nobody asked for is hung up on', { timeout: 20_000 }, async () => {
    const [ours, theirs] = duplexPair();
    theirs.on('error', () => {});
    const line = Buffer.alloc(10_000_000, 'x').fill('\n', 9_999_999);
    let sent = 0;
    const flood = () => {
      while (!ours.destroyed && sent < 20 && theirs.write(line)) sent++;
    };
    theirs.on('drain', flood);
    theirs.resume();
    flood();

    expect(await agentOn(ours, ALONE)).toMatchObject({ part: 'guest', message: expect.stringContaining('more than') });
  });

  test('is brought in step over what an earlier connection left', async () => {
    const agent = await opened((execute, { id }) =>
      execute === 'guest-sync-delimited'
        ? `half an answer"}}\n{"return": 1}\n[]\nnull\n7\n\xff{"return": ${id - 1}}\n{"ret\xff{"return": ${id}}\n`
        : undefined,
    );

    expect(agent.system).toBe('other');
    agent.close();
  });

  test.each([
    ['guest-file-open', '{"return": "x"}\n'],
    ['guest-file-open', '{"return": -1}\n'],
    ['guest-exec', '{"return": {"pid": "1; rm -rf /"}}\n'],
    ['guest-exec', '{"return": null}\n'],
    ['guest-exec-status', '{"return": {"exited": 1}}\n'],
    ['guest-exec-status', '{"return": {"exited": true, "exitcode": 1e300}}\n'],
    ['guest-exec-status', '{"return": {"exited": true, "out-data": {}}}\n'],
    ['guest-exec-status', '{}\n'],
  ])('an answer of another kind to %s ends the run: %s', async (execute, answer) => {
    const agent = await opened((asked) => (asked === execute ? answer : undefined));

    await expect(run(agent, 'true\n')).rejects.toThrow(/something else|did not say why/);
    agent.close();
  });
});
