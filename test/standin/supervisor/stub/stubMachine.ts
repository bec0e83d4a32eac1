import { writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Machine } from '../machine.js';
import type { Plan } from '../plan.js';
import { runtimeFile } from '../runtimeFile.js';
import { DiskProcess } from './diskProcess.js';
import { GuestClock } from './guestClock.js';
import { GuestDisk } from './guestDisk.js';
import { monitorServer, qmpServer } from './monitor.js';
import { pictureFile } from './pictureFile.js';
import { Screen } from './screen.js';
import { StubGuest } from './stubGuest.js';
import { vncServer } from './vnc.js';

/**
 * Plays QEMU. The disk is held by a real qemu-io, so locks, backing files and copy-on-write are QEMU's; everything else
 * is timers.
 */
export class StubMachine extends Machine {
  readonly #plan: Plan;
  readonly #screen = new Screen();
  readonly #clock: GuestClock;
  #disk: DiskProcess | undefined;
  #vars: DiskProcess | undefined;
  #guestDisk: GuestDisk | undefined;
  #guest: StubGuest | undefined;
  #status = 'running';
  readonly #hardware: Server[] = [];

  constructor(plan: Plan) {
    super();
    this.#plan = plan;
    this.#clock = new GuestClock(plan.settings.number('STANDIN_CLOCK_SKEW_SECONDS', 0));
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
    this.#noteInput(this.#guestDisk);
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
    this.#guest?.stop();
    for (const process of [this.#disk, this.#vars]) {
      if (disk === 'flush') process?.quit();
      else process?.kill();
    }
    for (const server of this.#hardware) server.close();
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
      screendump: (path: string, format: string) => writeFileSync(path, pictureFile(this.#screen.pixels(), format)),
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
      this.#hardware.push(vncServer('QEMU (windows)', this.#screen).listen(settings.number('VNC_PORT', 5900)));
    }
  }

  /** What was typed and pointed at is written down where the tests can read it. */
  #noteInput(disk: GuestDisk): void {
    const note = (key: string, value: string) => {
      disk.set({ [key]: value }).catch(() => {
        // The disk went away with the machine.
      });
    };
    this.#screen.on('typed', (text) => note('.keys', text));
    this.#screen.on('pointed', (text) => note('.pointer', text));
  }

  #setStatus(status: string): void {
    this.#status = status;
  }

  #pressPowerButton(): void {
    if (!this.#guest?.listensToAcpi || this.#status !== 'running') return;
    if (this.#plan.settings.hasFault('acpi-ignored')) return;
    this.#guest.listensToAcpi = false;
    this.#powerOff();
  }

  #powerOff(): void {
    void sleep(this.#plan.settings.number('STANDIN_SHUTDOWN_MS', 100)).then(() => this.#end(0, 'flush'));
  }

  /** A power-on or a reset: the firmware starts over. */
  #bootGuest(): void {
    this.#guest?.stop();
    if (!this.#guestDisk || this.exitCode !== undefined) return;
    const guest = new StubGuest(this.#plan, this.#guestDisk, this.#clock, {
      print: (lines) => {
        for (const line of lines) this.emit('line', line);
      },
      isRunning: () => this.#status === 'running',
      freeze: () => this.#setStatus('paused'),
      stall: () => this.#setStatus('paused (io-error)'),
      reset: () => this.#bootGuest(),
      powerOff: () => this.#powerOff(),
    });
    this.#guest = guest;
    guest.boot().catch((err: Error) => this.#fail(`qemu-system-x86_64: the guest stopped: ${err.message}`));
  }
}
