import { closeSync, existsSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { Failure } from './failure.js';
import { log } from './log.js';
import type { Settings } from './settings.js';
import { ramMib } from './sizes.js';
import type { Storage } from './storage.js';

/** The checks that come before anything is touched, with the exit codes of the real image. */
export function checkContainer(settings: Settings, storage: Storage): void {
  if (process.getuid?.() !== 0) throw new Failure(12, 'Script must be executed with root privileges.');
  checkWritable(storage);
  if (!existsSync('/dev/shm')) throw new Failure(14, 'Directory /dev/shm not found!');
  checkProcessors(settings.text('CPU_CORES', '2'));
  if (ramMib(settings.text('RAM_SIZE', '4G'), Math.floor(totalmem() / 1024 ** 2)) === undefined) {
    throw new Failure(16, `Invalid value for RAM_SIZE: ${settings.text('RAM_SIZE')}`);
  }
  checkKvm(settings);
}

function checkWritable(storage: Storage): void {
  if (!existsSync(storage.folder) || !statSync(storage.folder).isDirectory()) {
    throw new Failure(13, `Storage folder (${storage.folder}) not found!`);
  }
  try {
    writeFileSync(storage.path('.standin.probe'), '');
    rmSync(storage.path('.standin.probe'));
  } catch {
    throw new Failure(
      13,
      `Storage folder (${storage.folder}) is not writeable! If SELinux is active, add the ":Z" flag to the bind mount.`,
    );
  }
}

function checkProcessors(text: string): void {
  if (/^(max|half)$/i.test(text)) return;
  if (!/^\d+$/.test(text) || Number(text) < 1) throw new Failure(15, `Invalid value for CPU_CORES: ${text}`);
  if (Number(text) > cpus().length) {
    log.warn(
      `The amount for CPU_CORES (${text}) exceeds the amount of logical cores available, so will be limited to ${cpus().length}.`,
    );
  }
}

/** Whether emulation has to be used: KVM=N, or no usable KVM and DEBUG=Y. */
export function usesEmulation(settings: Settings): boolean {
  return !settings.isOn('KVM', true) || kvmProblem() !== undefined;
}

function checkKvm(settings: Settings): void {
  if (!settings.isOn('KVM', true)) {
    log.warn('KVM acceleration is disabled, this will cause the machine to run about 10 times slower!');
    return;
  }
  const problem = kvmProblem();
  if (problem === undefined) return;
  const message = `KVM acceleration is not available ${problem}, this will cause the machine to run about 10 times slower.`;
  if (!settings.isOn('DEBUG', false)) throw new Failure(88, message);
  log.warn(message);
}

function kvmProblem(): string | undefined {
  if (!existsSync('/dev/kvm')) return '(device /dev/kvm is missing)';
  try {
    closeSync(openSync('/dev/kvm', 'r+')); // a device that the container was not given is refused here
  } catch {
    return '(no write access to /dev/kvm)';
  }
  return /\b(vmx|svm)\b/.test(readFileSync('/proc/cpuinfo', 'utf8')) ? undefined : '(not enabled in BIOS)';
}
