import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { usesEmulation } from '../checkContainer.js';
import { bootLines, writeBootEntry } from '../firmware.js';
import { Machine } from '../machine.js';
import type { Plan } from '../plan.js';
import { runtimeFile } from '../runtimeFile.js';
import { guestLetter } from './guestLetter.js';
import { connectGuest } from './guestNetwork.js';
import { qemuArguments } from './qemuArguments.js';
import { serveShare } from './serveShare.js';

/** A real QEMU. The tiny guest says on the serial port what it was loaded from; that becomes the firmware's words. */
export class QemuMachine extends Machine {
  readonly #plan: Plan;
  #child: ChildProcess | undefined;
  #closeNetwork: () => void = () => {};

  constructor(plan: Plan) {
    super();
    this.#plan = plan;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const { settings, network } = this.#plan;
    const guestNetwork = await connectGuest(network, settings);
    const share = serveShare(this.#plan);
    this.#closeNetwork = () => {
      guestNetwork.close();
      share?.close();
    };
    const letter = runtimeFile.path('qemu.letter');
    writeFileSync(letter, guestLetter(this.#plan));

    const args = qemuArguments(this.#plan, {
      emulated: usesEmulation(settings),
      netdev: guestNetwork.netdev,
      letter,
    });
    if (settings.hasFault('qemu-exit')) args.push('-bogus');
    if (settings.isOn('DEBUG', false)) process.stdout.write(`qemu-system-x86_64 ${args.join(' ')}\n`);
    const child = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(line.replace(/\r/g, '')));
    child.once('error', () => this.#end(127));
    child.once('close', (code, signal) => this.#end(code ?? 128 + constants.signals[signal ?? 'SIGTERM']));
    if (settings.hasFault('qemu-crash')) {
      setTimeout(() => child.kill('SIGABRT'), settings.number('STANDIN_CRASH_MS', 1000));
    }
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (signal === 'SIGTERM' && this.#plan.settings.hasFault('sigterm-ignored')) return;
    this.#child?.kill(signal);
  }

  #end(code: number): void {
    this.#closeNetwork();
    this.ended(code);
  }

  #hear(line: string): void {
    const { settings, firmware } = this.#plan;
    const loader = /standin-loader: (dvd|hdd)/.exec(line)?.[1];
    if (loader) {
      if (settings.hasFault('boot-timeout')) return;
      if (settings.hasFault('no-boot')) return void this.emit('line', 'BOOTMGR is missing');
      for (const words of bootLines(loader === 'dvd' ? 'dvd' : 'disk', firmware)) this.emit('line', words);
      return;
    }
    if (line.includes('standin-setup: copied')) {
      if (firmware.varsPath) writeBootEntry(firmware.varsPath);
      this.#tellMonitor('qom-set /machine/peripheral/medium bootindex 9');
    }
    if (line.includes('standin-guest: freezes')) this.#tellMonitor('stop');
    // Stands for werror=enospc: QEMU stops the guest and stays.
    if (line.includes('standin-setup: copying') && settings.hasFault('disk-full')) this.#tellMonitor('stop');
    this.emit('line', line);
  }

  #tellMonitor(command: string): void {
    const socket = connect(runtimeFile.path('monitor.sock'));
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(`${command}\n`);
      setTimeout(() => socket.end(), 100);
    });
  }
}
