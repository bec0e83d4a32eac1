import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildStandIns, QEMU_TAG, STUB_TAG } from './buildStandIns.js';
import { docker } from './docker.js';
import { installGolden, installQuickly, makeOem, makeShared } from './support/folders.js';
import { GuestServer } from './support/guestServer.js';
import { ask, Sandbox, waitFor } from './support/sandbox.js';

const sandbox = new Sandbox();
const server = new GuestServer();
let port = 0;

beforeAll(async () => {
  await buildStandIns();
  port = await server.listen();
}, 300_000);

afterAll(async () => {
  server.close();
  await sandbox.clear();
}, 60_000);

describe.each([
  ['the stub', STUB_TAG, 15_000],
  ['the tiny guest in QEMU', QEMU_TAG, 120_000],
] as const)('the agent of %s', (_name, image, bootMs) => {
  let golden = '';

  beforeAll(async () => {
    golden = await installGolden({ image, token: `${image} golden`, port, sandbox, server });
  }, 240_000);

  interface Wish {
    readonly env?: Record<string, string>;
    readonly nat?: boolean;
    readonly server?: string;
    readonly fallback?: string;
  }

  /** A clone, once it asks what to do. */
  async function startClone(token: string, { env = {}, nat = true, ...urls }: Wish = {}) {
    const shared = makeShared(sandbox, { token, role: 'vm', port, ...urls });
    const mounts = [`${golden}:/golden:ro`, `${shared}:/shared`];
    const id = await sandbox.start({
      image,
      storage: await sandbox.clone(golden),
      mounts,
      env: { DISK_FMT: '', ...env },
      nat,
    });
    await server.waitForCall('next', token, undefined, bootMs);
    return { id, shared, host: await sandbox.address(id) };
  }

  test('tells the steps of its installation, then that it is done', () => {
    const token = `${image} golden`;
    const steps = server.callsOf('progress', token);
    expect(steps.map(({ done, of }) => `${done}/${of}`)).toEqual(['1/4', '2/4', '3/4', '4/4']);
    expect(steps[0]?.step).toBe('step 1 of 4');
    expect(server.callsOf('ready', token)[0]).toMatchObject({ phase: 'installed', windows: 'Windows 11' });
  });

  test(
    'says who it is, sets its clock, takes a new name with a restart',
    async () => {
      const token = `${image} identity`;
      const now = Date.now();
      server.answerReady(token, { do: 'sync', time: String(now) }, { do: 'rename', name: 'CLONE-7' });
      const env = { STANDIN_CLOCK_SKEW_SECONDS: '-7200', SAMBA_READONLY: 'Y' };
      const { host, shared } = await startClone(token, { env });
      const [first, second, third] = server.callsOf('ready', token);
      expect(first).toMatchObject({
        phase: 'ready',
        windows: 'Windows 11',
        build: '10.0.26100',
        user: 'Docker',
        codepage: '65001',
      });
      expect(first?.ip).toMatch(/^172\.30\.\d+\.2$/);
      expect(first?.session).toMatch(/^\w{8,64}$/);
      const installed = server.callsOf('ready', `${image} golden`)[0];
      expect(first?.guid).toMatch(/^[0-9a-f-]{36}$/);
      expect(first?.guid).toBe(installed?.guid);
      expect(first?.computer).toBe(installed?.computer);
      expect(Math.abs(Date.parse(first?.clock ?? '') - now + 7_200_000)).toBeLessThan(bootMs);
      expect(Math.abs(Date.parse(second?.clock ?? '') - now)).toBeLessThan(5000);
      expect(second?.session).toBe(first?.session);
      expect(third).toMatchObject({ computer: 'CLONE-7', guid: first?.guid });
      expect(third?.session).not.toBe(first?.session);
      expect(Math.abs(Date.parse(third?.clock ?? '') - now)).toBeLessThan(bootMs);
      expect(await ask(host, 'read .computer')).toBe('ok CLONE-7');
      expect(Math.abs(Date.parse((await ask(host, 'clock')).slice(3)) - Date.now())).toBeLessThan(10_000);

      // Its share takes nothing, so the texts come with the result.
      mkdirSync(join(shared, 'commands/texts'), { recursive: true });
      writeFileSync(join(shared, 'commands/texts/job.cmd'), 'echo "ü=%"; printf "no\\377" >&2\r\n');
      server.run(token, 'exit 99', { id: 'texts', script: 'share' });
      expect(await server.result(token, 'texts')).toMatchObject({
        state: 'exited',
        exit: '0',
        via: 'here',
        stdout: '5',
        'stdout.text': 'ü=%\n',
        'stderr.text': 'no\ufffd',
      });
      const large = await server.result(token, server.run(token, 'yes | head -c 400000'));
      expect(large.stdout).toBe('400000');
      expect(large['stdout.text']).toBe('y\n'.repeat(32_768));
    },
    2 * bootMs + 30_000,
  );

  test(
    'with freeze it stands still once its clone has reported, until the monitor lets it go on',
    async () => {
      const token = `${image} freeze`;
      const shared = makeShared(sandbox, { token, role: 'vm', port });
      const id = await sandbox.start({
        image,
        storage: await sandbox.clone(golden),
        mounts: [`${golden}:/golden:ro`, `${shared}:/shared`],
        env: { DISK_FMT: '', STANDIN_FAULT: 'freeze' },
        nat: true,
      });
      const tell = (command: string) =>
        docker('exec', id, 'sh', '-c', `echo '${command}' | nc -q1 -w1 -U /run/shm/monitor.sock`);
      await server.waitForCall('ready', token, undefined, bootMs);
      await waitFor('it stands still', bootMs, async () => (await tell('info status')).includes('paused') || undefined);
      const heard = server.callsOf('next', token).length;
      expect(heard).toBeLessThanOrEqual(1); // it may have asked before the processors stood still

      await tell('cont');
      await waitFor('it asks', bootMs, async () => server.callsOf('next', token).length > 0 || undefined);
    },
    3 * bootMs,
  );

  describe('a clone with commands', () => {
    const token = `${image} commands`;
    let clone: Awaited<ReturnType<typeof startClone>>;

    beforeAll(async () => {
      clone = await startClone(token);
    }, bootMs + 30_000);

    const folder = (id: string) => join(clone.shared, 'commands', id);
    const read = (id: string, stream: string) => readFileSync(join(folder(id), stream), 'utf8');

    /** As the server does it: the folder, and the script if it is to be read from there, before the guest is told. */
    function run(command: string, more: Record<string, string> = {}): string {
      const id = more.id ?? crypto.randomUUID();
      mkdirSync(folder(id), { recursive: true });
      if (more.script === 'share') writeFileSync(join(folder(id), 'job.cmd'), command.replaceAll('\n', '\r\n'));
      return server.run(token, more.script === 'share' ? 'exit 99' : command, { id, ...more });
    }

    test('runs a script from the share and leaves both outputs there', async () => {
      const id = run('echo "out ü 100%"\necho err >&2\nexit 3\n', { script: 'share' });
      expect(await server.result(token, id)).toMatchObject({ state: 'exited', exit: '3', via: 'share', stderr: '4' });
      expect(read(id, 'stdout')).toBe('out ü 100%\n');
      expect(read(id, 'stderr')).toBe('err\n');
    });

    test('runs a script that came with the answer, in the folder that was named', async () => {
      mkdirSync(join(clone.shared, 'in'), { recursive: true });
      const id = run('pwd; echo "a b=c%\\n" > made.txt', { directory: 'Z:\\in' });
      expect(await server.result(token, id)).toMatchObject({ state: 'exited', exit: '0' });
      expect(read(id, 'stdout')).toMatch(/\/in\n$/);
      expect(readFileSync(join(clone.shared, 'in/made.txt'), 'utf8')).toMatch(/^a b=c%/);
      const root = run('pwd');
      await server.result(token, root);
      expect(read(root, 'stdout')).toBe('/\n');
      const nowhere = run('pwd', { directory: 'C:\\no such folder' });
      expect(await server.result(token, nowhere)).toMatchObject({
        state: 'failed',
        reason: expect.stringMatching(/./),
      });
    });

    test('reads and writes the share', async () => {
      mkdirSync(join(clone.shared, 'out'), { recursive: true });
      writeFileSync(join(clone.shared, 'from-host.bin'), Buffer.alloc(300_000, 7));
      const id = run('cat /share/from-host.bin > /z/out/copy.bin && rm /share/from-host.bin && ls /share/out');
      expect(await server.result(token, id)).toMatchObject({ state: 'exited', exit: '0' });
      expect(readFileSync(join(clone.shared, 'out/copy.bin')).equals(Buffer.alloc(300_000, 7))).toBe(true);
      writeFileSync(join(clone.shared, 'out/copy.bin'), 'changed');
      const again = run('cat /share/out/copy.bin; ls /share');
      await server.result(token, again);
      expect(read(again, 'stdout')).toMatch(/^changed/);
      expect(read(again, 'stdout')).not.toContain('from-host.bin');
    });

    test('streams the output of a running command, and its end is heard soon', async () => {
      const id = run('echo first; sleep 3; echo second');
      const key = `output.${id}`;
      await server.waitForCall('next', token, (values) => values[key] === '6,0');
      expect(server.callsOf('result', token).some((result) => result.id === id)).toBe(false);
      expect(read(id, 'stdout')).toBe('first\n');
      expect(await server.result(token, id)).toMatchObject({ state: 'exited', stdout: '13', via: 'share' });
      expect(read(id, 'stdout')).toBe('first\nsecond\n');
    });

    test('copies a large output whole at the end only', async () => {
      const id = run('head -c 1000000 /dev/zero; sleep 2');
      await server.waitForCall('next', token, (values) => values.running?.includes(id) === true);
      expect(await server.result(token, id)).toMatchObject({ stdout: '1000000', via: 'share' });
      const announced = server.callsOf('next', token).map((values) => values[`output.${id}`]);
      expect(announced.filter((sizes) => sizes !== undefined && sizes !== '0,0')).toEqual([]);
      expect(readFileSync(join(folder(id), 'stdout'))).toHaveLength(1_000_000);
    });

    test.each(['cancel', 'timeout'])('ends a command and its children: %s', async (how) => {
      const mark = `mark-${how}`;
      const more = { timeout: how === 'timeout' ? '2' : '60' };
      const id = run(`(while :; do echo x >> /tmp/${mark}; sleep 0.1; done) & sleep 50; sleep 50`, more);
      if (how === 'cancel') {
        await server.waitForCall('next', token, (values) => values.running?.includes(id) === true);
        server.order(token, { do: 'cancel', id });
      }
      expect((await server.result(token, id)).state).toBe(how === 'cancel' ? 'cancelled' : 'timeout');
      const look = async () => {
        const counting = run(`wc -c < /tmp/${mark}`);
        await server.result(token, counting);
        return read(counting, 'stdout');
      };
      expect(await look()).toBe(await look());
    });

    test('runs an id once, and says so of one that it does not know', async () => {
      const id = run('echo x >> /tmp/once');
      run('echo x >> /tmp/once', { id });
      await server.result(token, id);
      run('echo x >> /tmp/once', { id });
      const count = run('cat /tmp/once');
      await server.result(token, count);
      expect(read(count, 'stdout')).toBe('x\n');
      server.order(token, { do: 'cancel', id: 'stranger' });
      expect((await server.result(token, 'stranger')).state).toBe('lost');
    });

    test('runs eight at the same time', async () => {
      const wait = 'echo x >> /tmp/eight; until [ $(wc -l < /tmp/eight) = 8 ]; do sleep 0.1; done';
      const ids = Array.from({ length: 8 }, () => run(wait));
      const results = await Promise.all(ids.map((id) => server.result(token, id, 45_000)));
      expect(results.map(({ state }) => state)).toEqual(ids.map(() => 'exited'));
    }, 60_000);

    test('sends a result again until it is taken, and goes on with the next command meanwhile', async () => {
      const id = run('sleep 1');
      await server.waitForCall('next', token, (values) => values.running?.includes(id) === true);
      server.refuse(token, 'result', 503, 429);
      await waitFor('three results', 30_000, async () =>
        server.callsOf('result', token).filter((result) => result.id === id).length === 3 ? true : undefined,
      );
      const after = run('true');
      expect((await server.result(token, after)).exit).toBe('0');
    }, 40_000);

    test('reports again when it is asked to', async () => {
      const before = server.callsOf('ready', token).length;
      server.order(token, { do: 'ready' });
      await waitFor('another report', 10_000, async () =>
        server.callsOf('ready', token).length === before + 1 ? true : undefined,
      );
    });

    test(
      'reports as lost what ran when it restarted',
      async () => {
        const id = run('sleep 60');
        await server.waitForCall('next', token, (values) => values.running?.includes(id) === true);
        const before = server.callsOf('ready', token).length;
        expect(await ask(clone.host, 'reboot')).toBe('ok');
        expect((await server.result(token, id, bootMs)).state).toBe('lost');
        expect(server.callsOf('ready', token).length).toBe(before + 1);
        const after = run('echo still here');
        expect((await server.result(token, after)).state).toBe('exited');
        expect(server.callsOf('result', token).filter((result) => result.id === id)).toHaveLength(1);
      },
      bootMs + 30_000,
    );

    test('goes down when a command says so', async () => {
      run('shutdown /s /t 0');
      expect(await docker('wait', clone.id)).toBe('0');
    }, 60_000);
  });

  test(
    'reaches the server by the other URL from a user-mode network, and the share as well',
    async () => {
      const token = `${image} user`;
      const network = await docker('network', 'create', '--label', 'vapiorc.standin.test=1', basename(sandbox.folder));
      try {
        const gateway = await docker('network', 'inspect', '--format', '{{(index .IPAM.Config 0).Gateway}}', network);
        const { shared } = await startClone(token, { nat: false, fallback: `http://${gateway}:${port}` });
        mkdirSync(join(shared, 'commands/one'), { recursive: true });
        server.run(token, 'exit 5', { id: 'one' });
        expect(await server.result(token, 'one')).toMatchObject({ state: 'exited', exit: '5', via: 'share' });
      } finally {
        await docker('network', 'rm', network);
      }
    },
    bootMs + 30_000,
  );
});

describe('faults of the stub', () => {
  const install = (token: string, env: Record<string, string>) => {
    const mounts = [`${makeShared(sandbox, { token, role: 'golden', port })}:/shared`, `${makeOem(sandbox)}:/oem:ro`];
    const storage = sandbox.makeFolder('storage');
    return sandbox.start({ image: STUB_TAG, storage, mounts, env: { ...installQuickly, ...env } });
  };

  test('install-fails says where and why', async () => {
    await install('install-fails', { STANDIN_FAULT: 'install-fails' });
    const { values } = await server.waitForCall('ready', 'install-fails');
    expect(values).toMatchObject({
      phase: 'failed',
      step: 'install the programs',
      reason: expect.stringMatching(/1603/),
    });
    expect(server.callsOf('progress', 'install-fails')).toHaveLength(1);
  });

  test('no-progress says nothing before it is installed; STANDIN_COMPUTER is its name', async () => {
    await install('no-progress', { STANDIN_FAULT: 'no-progress', STANDIN_COMPUTER: 'GOLDEN-1' });
    const { values } = await server.waitForCall('ready', 'no-progress');
    expect(values).toMatchObject({ phase: 'installed', computer: 'GOLDEN-1' });
    expect(server.callsOf('progress', 'no-progress')).toEqual([]);
  });

  test('agent-dies is heard of once', async () => {
    const id = await install('agent-dies', { STANDIN_FAULT: 'agent-dies' });
    await server.waitForCall('ready', 'agent-dies');
    const host = await sandbox.address(id);
    expect(await ask(host, 'counter')).toBe('ok 1');
    expect(server.callsOf('next', 'agent-dies')).toEqual([]);
  });

  test('sync-fails and rename-fails report again, unchanged', async () => {
    const token = 'stubborn';
    server.answerReady(token, { do: 'sync', time: '0' }, { do: 'rename', name: 'OTHER' });
    await install(token, { STANDIN_FAULT: 'sync-fails,rename-fails' });
    await server.waitForCall('next', token);
    const reports = server.callsOf('ready', token);
    expect(reports).toHaveLength(3);
    expect(new Set(reports.map(({ session, computer }) => `${session} ${computer}`)).size).toBe(1);
    expect(Date.parse(reports[2]?.clock ?? '')).toBeGreaterThan(Date.now() - 60_000);
  });

  test('a token that is not known is tried again with what guest.cfg says then', async () => {
    const token = 'unknown';
    server.refuse(token, 'ready', 401);
    await install(token, {});
    await waitFor('another try', 10_000, async () => (server.callsOf('ready', token).length === 2 ? true : undefined));
  });
});
