import { existsSync, readFileSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { cpus, freemem, hostname, release, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { BootWatch } from './bootWatch.js';
import { checkContainer } from './checkContainer.js';
import { decide, type Medium } from './decision.js';
import { prepareDisk } from './disk.js';
import { Failure } from './failure.js';
import { prepareFirmware } from './firmware.js';
import { guestOrders, prepareInstallation } from './install.js';
import { languageCode } from './languages.js';
import { log } from './log.js';
import type { Machine } from './machine.js';
import { announceNetwork, planNetwork } from './network.js';
import type { Plan } from './plan.js';
import { shutDown } from './power.js';
import { QemuMachine } from './qemu/qemuMachine.js';
import { writeTinyMedium } from './qemu/tinyMedium.js';
import { runtimeFile } from './runtimeFile.js';
import { readSettings } from './settings.js';
import { initializeShare, shareFolder } from './share.js';
import { Storage } from './storage.js';
import { StubMachine } from './stub/stubMachine.js';
import { windowsVersion } from './versions.js';
import { Web } from './web.js';

const signalCodes = { SIGTERM: 143, SIGINT: 130, SIGHUP: 129, SIGQUIT: 131 } as const;
type StopSignal = keyof typeof signalCodes;

const settings = readSettings(process.env);
const storage = new Storage(settings.storage);
const web = new Web(settings, settings.number('VNC_PORT', 5900));

/** Before QEMU runs a signal ends everything at once; afterwards it begins a shutdown. */
let onSignal: (signal: StopSignal) => void = (signal) => process.exit(signalCodes[signal]);
for (const signal of Object.keys(signalCodes) as StopSignal[]) process.on(signal, () => onSignal(signal));

try {
  process.exitCode = await runContainer();
} catch (err) {
  if (!(err instanceof Failure)) throw err;
  log.error(err.message);
  process.exitCode = err.code;
}
process.exit();

/** One start of the container in the order of the real image; the result is its exit code. */
async function runContainer(): Promise<number> {
  runtimeFile.removeStale();
  log.info('Starting Windows for Docker v6.05...');
  log.info('For support visit https://github.com/dockur/windows');
  checkContainer(settings, storage);
  announceHost();
  await web.listen();
  web.tell('Starting Windows for Docker...');
  const prepareMs = settings.number('STANDIN_PREPARE_MS', 60) / 5;
  const step = async (text: string) => {
    web.tell(text);
    await sleep(prepareMs);
  };
  await sleep(prepareMs);

  const plan = await makePlan(step);
  const machine: Machine = settings.kind === 'qemu' ? new QemuMachine(plan) : new StubMachine(plan);
  return runMachine(machine, plan);
}

async function makePlan(step: (text: string) => Promise<void>): Promise<Plan> {
  const language = languageCode(settings.text('LANGUAGE', 'en'));
  if (!language)
    throw new Failure(62, `Invalid LANGUAGE specified, value "${settings.text('LANGUAGE')}" is not recognized!`);
  await step('Starting Windows...');
  storage.remove('tmp');
  storage.remove('setup.img');

  const version = windowsVersion(settings.text('VERSION', '11'));
  const medium = findMedium(version?.medium ?? settings.text('VERSION'), language);
  const decision = await decide(storage, medium, settings.text('DISK_FMT'));
  if (decision.do === 'install') {
    const writeMedium = settings.kind === 'qemu' ? writeTinyMedium : writeMarkedMedium;
    await prepareInstallation({ settings, storage, medium, version, tell: web.tell, writeMedium }, decision);
  }
  const disk = await prepareDisk(settings, storage, web.tell);
  await step('Initializing network...');
  const network = planNetwork(settings, storage);
  announceNetwork(network);
  await step('Initializing shared folder...');
  const share = shareFolder(settings, storage);
  if (share) initializeShare(share);
  await step('Configuring boot...');
  const bootMode = settings.text('BOOT_MODE', 'windows').toLowerCase();
  if (!/^windows(_secure|_legacy)?$/.test(bootMode)) {
    throw new Failure(33, `Unknown BOOT_MODE, value "${bootMode}" is not recognized!`);
  }
  return {
    settings,
    storage,
    disk,
    network,
    share,
    firmware: prepareFirmware(settings, storage),
    mediumPath: mediumPath(medium),
    installing: decision.do === 'install',
    orders: guestOrders(settings, storage),
    windows: encodeURIComponent(version?.title ?? 'Windows'),
    computer:
      settings.text('STANDIN_COMPUTER') || settings.text('HOST') || `WIN-${hostname().slice(0, 8).toUpperCase()}`,
  };
}

async function runMachine(machine: Machine, plan: Plan): Promise<number> {
  const { installing, disk } = plan;
  const bootWatch = new BootWatch(settings, machine, installing && disk.format === 'qcow2' ? disk.path : undefined);
  const mode = plan.firmware.varsPath ? 'Windows' : 'Windows (legacy)';
  const secure = plan.firmware.varsPath?.includes('_secure') ? ' securely' : '';
  machine.on('line', (line) => {
    log.plain(line);
    writeFileSync(runtimeFile.path('qemu.pty'), `${line}\n`, { flag: 'a' });
  });
  let stoppedBy: StopSignal | undefined;
  let stopping = Promise.resolve();
  onSignal = (signal) => {
    if (!settings.isOn('SHUTDOWN', true)) return machine.kill('SIGTERM');
    if (stoppedBy) return log.info(`Received ${signal} while already shutting down...`);
    stoppedBy = signal;
    bootWatch.stop();
    stopping = shutDown(signal, { settings, storage, machine, bootWatch });
  };

  log.info(`Booting ${mode}${secure} using QEMU v${settings.text('STANDIN_QEMU_VERSION', '11.1.0')}...`);
  web.machineStarts(settings.text('DISPLAY', 'web').toLowerCase());
  writeRuntimeFiles(plan);
  await machine.start();
  runtimeFile.write('qemu.pid', `${machine.pid}\n`);
  const watched = settings.isOn('SHUTDOWN', true);
  if (watched && machine.exitCode === undefined) bootWatch.watch(plan.network.webPort);
  const code = await machine.whenExited();
  await stopping;
  if (!watched) return code;
  return finish(code, plan, bootWatch, stoppedBy);
}

/** The marker says "was booted from its own disk when it went down", and nothing about a finished setup. */
function finish(code: number, plan: Plan, bootWatch: BootWatch, stoppedBy: StopSignal | undefined): number {
  bootWatch.stop();
  runtimeFile.write('qemu.end', '');
  if (code !== 0 && !stoppedBy) {
    log.error('QEMU exited unexpectedly!');
    web.close();
    return code;
  }
  if (!storage.has('windows.boot') && plan.mediumPath && existsSync(plan.mediumPath) && bootWatch.bootedFromOwnDisk) {
    storage.write('windows.boot', '');
    if (
      settings.isOn('REMOVE', true) &&
      plan.mediumPath.startsWith(`${storage.folder}/`) &&
      !isCustom(plan.mediumPath)
    ) {
      storage.remove(plan.mediumPath.slice(storage.folder.length + 1));
    }
    storage.remove('setup.img');
  }
  web.close();
  log.info('Shutdown completed!');
  return stoppedBy ? signalCodes[stoppedBy] : 0;
}

function isCustom(path: string): boolean {
  return /\/(custom|boot)\.iso$/.test(path);
}

function findMedium(title: string, language: string): Medium {
  const candidates = ['/custom.iso', '/boot.iso', storage.path('custom.iso'), storage.path('boot.iso')];
  const customPath = candidates.find((path) => existsSync(path));
  if (customPath) {
    const { size } = statSync(customPath);
    if (!statSync(customPath).isDirectory()) return { name: `windows.${size}.iso`, customPath };
    if (!storage.has('windows.boot')) throw new Failure(64, `The file ${customPath} is a directory, not an ISO!`);
  }
  const suffix = language === 'en' ? '' : `_${language}`;
  return { name: `${title}${suffix}.iso`, customPath: undefined };
}

/** The DVD is attached for as long as its file exists. */
function mediumPath(medium: Medium): string | undefined {
  const path = medium.customPath ?? storage.path(storage.read('windows.base') || medium.name);
  return existsSync(path) ? path : undefined;
}

function writeMarkedMedium(path: string): void {
  const content = Buffer.alloc(64 * 1024);
  content.write('STANDIN MEDIUM');
  writeFileSync(path, content);
}

function announceHost(): void {
  const gib = (bytes: number) => Math.round(bytes / 1024 ** 3);
  const { bavail, bsize } = statfsSync(storage.folder);
  const mount = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .find((row) => row.split(' ')[1] === storage.folder);
  const memory = `${gib(freemem())}/${gib(totalmem())} GB`;
  const fileSystem = mount?.split(' ')[2] ?? 'overlay';
  log.info(
    `CPU: ${cpus()[0]?.model ?? 'unknown'} | RAM: ${memory} | DISK: ${gib(bavail * bsize)} GB (${fileSystem}) | KERNEL: ${release()}`,
  );
}

function writeRuntimeFiles({ network }: Plan): void {
  runtimeFile.write('qemu.ip', `${network.guestIp}\n`);
  runtimeFile.write('qemu.host', `${network.hostIp}\n`);
  runtimeFile.write('qemu.gw', `${network.gateway}\n`);
  runtimeFile.write('qemu.nic', `${network.interfaceName}\n`);
  runtimeFile.write('qemu.url', `http://${network.guestIp}/\n`);
  runtimeFile.write('qemu.pty', '');
}
