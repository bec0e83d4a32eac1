import { expect, test } from 'vitest';
import { runSimulatedBatch } from '../../src/provisioner/simulated/simulatedBatch.js';
import { simulatedWindows } from '../../src/provisioner/simulated/simulatedWindows.js';

async function run(text: string) {
  const said = { stdout: [] as string[], stderr: [] as string[], pausedMs: 0 };
  const exit = await runSimulatedBatch(text, {
    windows: simulatedWindows('2022', '0123abcd-0000-4000-8000-000000000000'),
    directory: 'C:\\src',
    print: (line, stream = 'stdout') => said[stream].push(line),
    pause: async (ms) => {
      said.pausedMs += ms;
    },
  });
  return { exit, ...said };
}

test('a batch file is gone through line by line, and ends with the last exit code', async () => {
  expect(await run('@echo off\r\n  echo one\n\nrem echo no\n:: nor this > x\nECHO.two\nhostname\nwhoami')).toEqual({
    exit: 0,
    stdout: ['one', 'two', 'WIN-0123ABCD', 'win-0123abcd\\docker'],
    stderr: [],
    pausedMs: 0,
  });
  expect(await run('echo before\nexit /b 3\necho after')).toMatchObject({ exit: 3, stdout: ['before'] });
  expect(await run('exit -2147483648')).toMatchObject({ exit: -2_147_483_648 });
  expect((await run('exit 99999999999999')).exit).toBe(2_147_483_647);
});

test('what it does not know is not recognized, and what follows is run all the same', async () => {
  const { exit, stdout, stderr } = await run('npm test\necho it was %ERRORLEVEL%%%');
  expect([exit, stdout]).toEqual([9009, ['it was 9009%']]);
  expect(stderr[0]).toBe("'npm' is not recognized as an internal or external command,");
  expect(await run('hostname\nC:\\tools\\x.exe\nexit /b')).toMatchObject({ exit: 9009 });
});

test('what it can not do it says, in place of something else', async () => {
  expect(await run('echo a > b.txt')).toMatchObject({ exit: 1, stdout: [], stderr: [expect.stringContaining('>')] });
  expect(await run('echo "a > b" ^& c')).toMatchObject({ exit: 0, stdout: ['"a > b" ^& c'] });
  expect(await run('cd /d C:\\src\ncd\nping -n 1 127.0.0.1 >nul\nnope 2> NUL')).toMatchObject({
    stdout: ['C:\\src'],
    stderr: [],
    pausedMs: 1_000,
  });
  expect(await run('ping example.com')).toMatchObject({ exit: 1, pausedMs: 0 });
});

test('Windows says that it is none', async () => {
  const { stdout } = await run('ver');
  expect(stdout[0]).toMatch(/^Simulated/);
  expect(stdout.at(-1)).toBe('Microsoft Windows [Version 10.0.20348]');
  expect((await run('dir')).stdout[0]).toBe(' Directory of C:\\src (simulated)');
  expect(simulatedWindows('xp64', '').windows).toBe('Windows xp64 (simulated)');
});

test('what takes time in Windows takes time', async () => {
  expect((await run('ping -n 3 127.0.0.1')).pausedMs).toBe(3_000);
  expect((await run('ping 127.0.0.1')).pausedMs).toBe(4_000);
  expect((await run('timeout /t 2 /nobreak')).pausedMs).toBe(2_000);
  expect(await run('build')).toMatchObject({ exit: 0, pausedMs: 3_000 });
});
