import { writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { bootLines, writeBootEntry } from '../firmware.js';
import { parseGuestConfig } from '../guestConfig.js';
import { Machine } from '../machine.js';
import type { Plan } from '../plan.js';
import { runtimeFile } from '../runtimeFile.js';
import { readShared } from '../share.js';
import { commandServer } from './commandServer.js';
import { DiskProcess } from './diskProcess.js';
import { GuestDisk } from './guestDisk.js';
import { monitorServer, qmpServer } from './monitor.js';
import { rdpServer } from './rdp.js';
import { sendReport } from './report.js';
import { screenPicture, vncServer } from './vnc.js';

const commandPort = 7777;

/**
 * Plays QEMU and Windows. The disk is held by a real qemu-io, so locks, backing files and copy-on-write are QEMU's;
 * everything else is timers.
 */
export class StubMachine extends Machine {
  readonly #plan: Plan;
  #disk: DiskProcess | undefined;
  #vars: DiskProcess | undefined;
  #guestDisk: GuestDisk | undefined;
  #status = 'running';
  /** Windows is far enough to obey the power button. */
  #listensToAcpi = false;
  #session = new AbortController();
  readonly #hardware: Server[] = [];
  #guestPorts: Server[] = [];

  constructor(plan: Plan) {
    super();
    this.#plan = plan;
  }

  get pid(): number {
    return this.#disk?.pid ?? 0;
  }

  async start(): Promise<void> {
    const { disk, firmware, settings } = this.#plan;
    if (settings.hasFault('qemu-exit')) return this.#fail('qemu-system-x86_64: -bogus: invalid option');
    this.#disk = new DiskProcess(disk.path, disk.format, disk);
    if (firmware.varsPath)
      this.#vars = new DiskProcess(firmware.varsPath, 'raw', { cache: 'writeback', io: 'threads' });
    for (const process of [this.#disk, this.#vars]) {
      void process?.exited.then((code) => this.#end(code));
      if (process && !(await process.opened())) return this.#end(1);
    }
    this.#guestDisk = new GuestDisk(this.#disk);
    this.#listenHardware();
    if (settings.hasFault('qemu-crash')) {
      void sleep(settings.number('STANDIN_CRASH_MS', 1000)).then(() =>
        this.#fail('qemu-system-x86_64: KVM internal error'),
      );
    }
    this.#bootGuest();
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (signal === 'SIGTERM' && this.#plan.settings.hasFault('sigterm-ignored')) return;
    if (signal === 'SIGKILL') this.#end(137);
    else this.#end(0, 'flush');
  }

  #fail(reason: string): void {
    process.stderr.write(`${reason}\n`);
    this.#end(1);
  }

  #end(code: number, disk: 'flush' | 'cut' = 'cut'): void {
    if (this.exitCode !== undefined) return;
    this.#session.abort();
    for (const process of [this.#disk, this.#vars]) {
      if (disk === 'flush') process?.quit();
      else process?.kill();
    }
    for (const server of [...this.#hardware, ...this.#guestPorts]) server.close();
    const released = [this.#disk, this.#vars].map(async (process) => process?.exited);
    void Promise.all(released).then(() => this.ended(code));
  }

  #listenHardware(): void {
    const { settings } = this.#plan;
    const controls = {
      powerdown: () => this.#pressPowerButton(),
      quit: () => this.#end(0, 'flush'),
      reset: () => this.#bootGuest(),
      pause: () => this.#setStatus('paused'),
      resume: () => this.#setStatus('running'),
      status: () => this.#status,
      screendump: (path: string) => writeFileSync(path, screenPicture()),
    };
    this.#hardware.push(monitorServer(controls).listen(runtimeFile.path('monitor.sock')));
    for (const [variable, serve] of [
      ['MONITOR', monitorServer],
      ['QMP', qmpServer],
    ] as const) {
      const path = /^unix:([^,]+)/.exec(settings.text(variable))?.[1];
      if (path) this.#hardware.push(serve(controls).listen(path));
    }
    if (/^(web|vnc)$/.test(settings.text('DISPLAY', 'web').toLowerCase())) {
      this.#hardware.push(vncServer('QEMU (windows)').listen(settings.number('VNC_PORT', 5900)));
    }
  }

  #setStatus(status: string): void {
    this.#status = status;
  }

  #pressPowerButton(): void {
    if (!this.#listensToAcpi || this.#status !== 'running' || this.#plan.settings.hasFault('acpi-ignored')) return;
    this.#listensToAcpi = false;
    this.#powerOff();
  }

  #powerOff(): void {
    void sleep(this.#plan.settings.number('STANDIN_SHUTDOWN_MS', 100)).then(() => this.#end(0, 'flush'));
  }

  /** A power-on or a reset: the firmware starts over. */
  #bootGuest(): void {
    this.#session.abort();
    this.#session = new AbortController();
    const { signal } = this.#session;
    for (const server of this.#guestPorts) server.close();
    this.#guestPorts = [];
    this.#listensToAcpi = false;
    this.#runGuest(signal).catch((err: Error) => {
      if (!signal.aborted) this.#fail(`qemu-system-x86_64: the guest stopped: ${err.message}`);
    });
  }

  async #runGuest(signal: AbortSignal): Promise<void> {
    const { settings, mediumPath } = this.#plan;
    const disk = this.#guestDisk;
    if (!disk) return;
    if (settings.hasFault('boot-timeout')) return;
    const wait = async (ms: number) => {
      await sleep(ms, undefined, { signal });
      while (this.#status !== 'running') await sleep(20, undefined, { signal });
    };
    const setupMs = settings.number('STANDIN_SETUP_MS', 800);

    if (!(await disk.isBootable())) {
      if (!mediumPath) return this.#print(['No bootable option or device was found.']);
      await this.#setUpFromMedium(disk, setupMs, wait);
    }
    await disk.load();
    if (disk.get('.stage') === 'setup') {
      // Windows Setup reboots a second time inside the same QEMU before the first logon.
      this.#printBoot('disk');
      await wait(setupMs * 0.2);
    }
    if (settings.hasFault('no-boot')) return this.#print(['BOOTMGR is missing', 'No bootable device.']);
    this.#printBoot('disk');
    await wait(settings.number('STANDIN_BOOT_MS', 60));
    await disk.set({ '.counter': String(Number(disk.get('.counter') ?? 0) + 1) });
    this.#listensToAcpi = true;
    const phase = disk.get('.stage') === 'setup' ? await this.#finishSetup(disk, setupMs, wait) : 'ready';
    if (settings.hasFault('never-ready')) return;
    await wait(settings.number('STANDIN_READY_MS', 60));
    this.#listenGuest(disk);
    if (phase && !settings.hasFault('no-report')) await this.#report(phase, disk, signal);
  }

  async #setUpFromMedium(disk: GuestDisk, setupMs: number, wait: (ms: number) => Promise<void>): Promise<void> {
    const { settings, firmware, windows, computer } = this.#plan;
    this.#printBoot('dvd');
    if (settings.hasFault('hang-setup')) await wait(2 ** 31 - 1);
    await wait(setupMs * 0.3);
    if (settings.hasFault('disk-full')) {
      this.#status = 'paused (io-error)';
      await wait(0);
    }
    await wait(setupMs * 0.3);
    await disk.writeBootSector();
    await disk.set({ '.stage': 'setup', '.windows': windows, '.computer': computer });
    if (firmware.varsPath) writeBootEntry(firmware.varsPath);
  }

  /** First logon: C:\OEM, then install.bat, which ends with the agent's report. */
  async #finishSetup(disk: GuestDisk, setupMs: number, wait: (ms: number) => Promise<void>) {
    const { orders, settings } = this.#plan;
    await wait(setupMs * 0.2);
    const ran = orders.runsInstallBat;
    const log = ran && settings.isOn('LOG', false) ? 'yes' : 'no';
    await disk.set({
      '.stage': 'complete',
      '.oem': String(orders.oemFiles),
      '.installbat': ran ? 'ran' : 'none',
      '.command': encodeURIComponent(orders.command),
      '.log': log,
    });
    if (ran && settings.isOn('STANDIN_POWEROFF_AFTER_INSTALL', false)) setTimeout(() => this.#powerOff(), 500);
    return ran ? 'installed' : undefined;
  }

  #listenGuest(disk: GuestDisk): void {
    const { settings, network } = this.#plan;
    const isFrozen = () => this.#status !== 'running';
    const isReachable = (port: number) => network.mode === 'nat' || network.userPorts.includes(port);
    if (network.mode !== 'none' && !settings.hasFault('no-rdp'))
      this.#guestPorts.push(rdpServer(isFrozen).listen(3389));
    if (network.mode === 'none' || !isReachable(commandPort)) return;
    this.#guestPorts.push(commandServer((command, words) => this.#answer(disk, command, words)).listen(commandPort));
  }

  async #answer(disk: GuestDisk, command: string, [name, value]: string[]): Promise<string> {
    while (this.#status !== 'running') await sleep(20);
    if (command === 'read' && name) {
      await disk.load();
      const found = disk.get(name);
      return found === undefined ? 'missing' : `ok ${found}`;
    }
    if (command === 'write' && name && value && /^[\w.-]+$/.test(name)) {
      await disk.set({ [name]: value });
      return 'ok';
    }
    if (command === 'counter') return `ok ${disk.get('.counter') ?? 0}`;
    if (command === 'poweroff') {
      this.#powerOff();
      return 'ok';
    }
    if (command === 'reboot') {
      setTimeout(() => this.#bootGuest(), 20);
      return 'ok';
    }
    return 'error unknown command';
  }

  async #report(phase: 'installed' | 'ready', disk: GuestDisk, signal: AbortSignal): Promise<void> {
    const { network, settings, share } = this.#plan;
    const config = parseGuestConfig(readShared(share, 'guest.cfg') ?? '');
    const server = config.get('server');
    if (!server || network.mode === 'none') return;
    // The later starts of a golden machine say `ready` too; only its installation says `installed`.
    const values = {
      phase: phase === 'installed' && config.get('role') !== 'golden' ? 'ready' : phase,
      windows: decodeURIComponent(disk.get('.windows') ?? ''),
      computer: disk.get('.computer') ?? '',
    };
    const maxDelayMs = settings.number('STANDIN_REPORT_RETRY_MS', 2000);
    await sendReport({ server, token: config.get('token') ?? '', values }, network, maxDelayMs, signal);
  }

  #printBoot(device: 'dvd' | 'disk'): void {
    this.#print(bootLines(device, this.#plan.firmware));
  }

  #print(lines: string[]): void {
    for (const line of lines) this.emit('line', line);
  }
}
