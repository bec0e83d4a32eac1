import { randomUUID } from 'node:crypto';
import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { bootLines, writeBootEntry } from '../firmware.js';
import { decodeKeyValues } from '../keyValues.js';
import type { Plan } from '../plan.js';
import { readShared } from '../share.js';
import { commandServer } from './commandServer.js';
import { GuestAgent, type Phase } from './guestAgent.js';
import type { GuestClock } from './guestClock.js';
import type { GuestDisk } from './guestDisk.js';
import { rdpServer } from './rdp.js';
import { ServerLink } from './serverLink.js';

const commandPort = 7777;

/** What the guest can do to the machine that it runs in. */
interface Hardware {
  print(lines: string[]): void;
  isRunning(): boolean;
  freeze(): void;
  /** Stands still with a full disk. */
  stall(): void;
  reset(): void;
  powerOff(): void;
}

/** Plays firmware, Windows Setup and Windows, from one power-on or reset to the next. */
export class StubGuest {
  readonly #plan: Plan;
  readonly #disk: GuestDisk;
  readonly #hardware: Hardware;
  readonly #clock: GuestClock;
  readonly #session = new AbortController();
  readonly #ports: Server[] = [];
  /** Windows is far enough to obey the power button. */
  listensToAcpi = false;

  constructor(plan: Plan, disk: GuestDisk, clock: GuestClock, hardware: Hardware) {
    this.#plan = plan;
    this.#disk = disk;
    this.#clock = clock;
    this.#hardware = hardware;
  }

  /** Resolves when there is nothing left to do; rejects when the disk fails under it. */
  async boot(): Promise<void> {
    try {
      await this.#run();
    } catch (err) {
      if (!this.#session.signal.aborted) throw err;
    }
  }

  /** The power is cut. */
  stop(): void {
    this.listensToAcpi = false;
    this.#session.abort();
    for (const server of this.#ports) server.close();
  }

  async #run(): Promise<void> {
    const { settings, mediumPath } = this.#plan;
    const disk = this.#disk;
    if (settings.hasFault('boot-timeout')) return;
    const setupMs = settings.number('STANDIN_SETUP_MS', 800);

    if (!(await disk.isBootable())) {
      if (!mediumPath) return this.#hardware.print(['No bootable option or device was found.']);
      await this.#setUpFromMedium(setupMs);
    }
    await disk.load();
    if (disk.get('.stage') === 'setup') {
      // Windows Setup reboots a second time inside the same QEMU before the first logon.
      this.#printBoot('disk');
      await this.#wait(setupMs * 0.2);
    }
    if (settings.hasFault('no-boot')) return this.#hardware.print(['BOOTMGR is missing', 'No bootable device.']);
    this.#printBoot('disk');
    await this.#wait(settings.number('STANDIN_BOOT_MS', 60));
    await disk.set({ '.counter': String(Number(disk.get('.counter') ?? 0) + 1) });
    this.listensToAcpi = true;
    const phase = disk.get('.stage') === 'setup' ? await this.#finishSetup(setupMs) : 'ready';
    if (settings.hasFault('never-ready')) return;
    await this.#wait(settings.number('STANDIN_READY_MS', 60));
    this.#listen();
    if (phase && !settings.hasFault('no-report') && this.#plan.network.mode !== 'none') await this.#runAgent(phase);
  }

  async #setUpFromMedium(setupMs: number): Promise<void> {
    const { settings, firmware, windows, computer } = this.#plan;
    this.#printBoot('dvd');
    if (settings.hasFault('hang-setup')) await this.#wait(2 ** 31 - 1);
    await this.#wait(setupMs * 0.3);
    if (settings.hasFault('disk-full')) {
      this.#hardware.stall();
      await this.#wait(0);
    }
    await this.#wait(setupMs * 0.3);
    await this.#disk.writeBootSector();
    const identity = { '.windows': windows, '.computer': computer, '.guid': randomUUID() };
    await this.#disk.set({ '.stage': 'setup', ...identity });
    if (firmware.varsPath) writeBootEntry(firmware.varsPath);
  }

  /** First logon: C:\OEM, then install.bat, which ends with the agent's report. Undefined: there is no agent. */
  async #finishSetup(setupMs: number): Promise<Phase | undefined> {
    const { orders, settings } = this.#plan;
    await this.#wait(setupMs * 0.2);
    const ran = orders.runsInstallBat;
    const log = ran && settings.isOn('LOG', false) ? 'yes' : 'no';
    await this.#disk.set({
      '.stage': 'complete',
      '.oem': String(orders.oemFiles),
      '.oddnames': orders.oddNames,
      '.installbat': ran ? 'ran' : 'none',
      '.command': encodeURIComponent(orders.command),
      '.log': log,
    });
    if (!ran) return undefined;
    if (settings.isOn('STANDIN_POWEROFF_AFTER_INSTALL', false)) setTimeout(() => this.#hardware.powerOff(), 500);
    return settings.hasFault('install-fails') ? 'failed' : 'installed';
  }

  #listen(): void {
    const { settings, network } = this.#plan;
    const isFrozen = () => !this.#hardware.isRunning();
    const isReachable = (port: number) => network.mode === 'nat' || network.userPorts.includes(port);
    if (network.mode !== 'none' && !settings.hasFault('no-rdp')) this.#ports.push(rdpServer(isFrozen).listen(3389));
    if (network.mode === 'none' || !isReachable(commandPort)) return;
    this.#ports.push(commandServer((command, words) => this.#answer(command, words)).listen(commandPort));
  }

  async #answer(command: string, [name, value]: string[]): Promise<string> {
    const disk = this.#disk;
    await this.#whenRunning();
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
    if (command === 'clock') return `ok ${this.#clock.text}`;
    if (command === 'poweroff') {
      this.#hardware.powerOff();
      return 'ok';
    }
    if (command === 'reboot') {
      setTimeout(() => this.#hardware.reset(), 20);
      return 'ok';
    }
    return 'error unknown command';
  }

  async #runAgent(phase: Phase): Promise<void> {
    const { network, settings, share } = this.#plan;
    const { signal } = this.#session;
    const link = new ServerLink({
      network,
      signal,
      readConfig: () => {
        const text = readShared(share, 'guest.cfg');
        return text === undefined ? undefined : decodeKeyValues(text);
      },
      scaledMs: (ms) => settings.scaledMs(ms),
      longestPauseMs: settings.number('STANDIN_REPORT_RETRY_MS', 2000),
      whenRunning: () => this.#whenRunning(),
    });
    const reboot = () => setTimeout(() => this.#hardware.reset(), 20);
    const freeze = () => this.#hardware.freeze();
    const wiring = { plan: this.#plan, disk: this.#disk, clock: this.#clock, link, reboot, freeze, signal };
    await new GuestAgent(wiring).run(phase);
  }

  async #wait(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#session.signal });
    await this.#whenRunning();
  }

  /** Nothing happens in the guest while the processors are paused. */
  async #whenRunning(): Promise<void> {
    while (!this.#hardware.isRunning()) await sleep(20, undefined, { signal: this.#session.signal });
  }

  #printBoot(device: 'dvd' | 'disk'): void {
    this.#hardware.print(bootLines(device, this.#plan.firmware));
  }
}
