import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BootWatch } from './bootWatch.js';
import { log } from './log.js';
import type { Machine } from './machine.js';
import { runtimeFile } from './runtimeFile.js';
import type { Settings } from './settings.js';
import type { Storage } from './storage.js';

/** When SIGTERM and the end of the loop come, in seconds after the stop signal. */
export function splitTimeout(timeout: number): { terminateAt: number; endAt: number } {
  const total = Math.max(7, Math.floor(timeout));
  const margin = Math.min(5, Math.max(3, Math.floor(total / 5)));
  return { terminateAt: total - 2 * margin, endAt: total - margin };
}

/** Presses the power button until the guest is down; then QEMU is terminated, then killed. */
export async function shutDown(
  signal: string,
  {
    settings,
    storage,
    machine,
    bootWatch,
  }: { settings: Settings; storage: Storage; machine: Machine; bootWatch: BootWatch },
): Promise<void> {
  runtimeFile.write('qemu.end', '');
  log.info(`Received ${signal} signal, sending ACPI shutdown signal...`);
  let timeout = settings.number('QEMU_TIMEOUT', settings.number('TIMEOUT', 105));
  if (storage.has('windows.kill')) timeout = 8;
  else if (!storage.has('windows.boot') && !bootWatch.bootedFromOwnDisk) {
    log.info('Windows will ignore ACPI signals during setup, decreasing timeout to 10 seconds...');
    timeout = 13;
  }
  const { terminateAt, endAt } = splitTimeout(timeout);
  for (let second = 1; second <= endAt && machine.exitCode === undefined; second++) {
    if (second === terminateAt) {
      log.info(`Windows is still running, sending SIGTERM... (${second}/${endAt})`);
      machine.kill('SIGTERM');
    } else {
      log.info(`Waiting for Windows to shut down... (${second}/${endAt})`);
      if (second < terminateAt) await pressPowerButton();
    }
    await Promise.race([machine.whenExited(), sleep(settings.scaledMs(1000))]);
  }
  if (machine.exitCode === undefined) {
    log.error(`Forcefully terminating Windows, reason: ${signal}...`);
    machine.kill('SIGKILL');
    await machine.whenExited();
  }
}

/**
 * One client at a time: while somebody else holds the monitor this waits, TIMEOUT or not, as the real image does.
 */
function pressPowerButton(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(runtimeFile.path('monitor.sock'));
    let prompts = 0;
    let pressed = false;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      prompts += text.split('(qemu) ').length - 1;
      if (prompts === 1 && !pressed) {
        pressed = true;
        socket.write('system_powerdown\n');
      }
      if (prompts >= 2) socket.end();
    });
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
  });
}
