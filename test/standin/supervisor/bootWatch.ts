import { log } from './log.js';
import type { Machine } from './machine.js';
import type { Settings } from './settings.js';

const dead = /No bootable option or device was found|UEFI Interactive Shell|No bootable device|BOOTMGR is missing/;

/** Remembers the newest boot attempt in QEMU's output, and judges it in the first 30 s as the real image does. */
export class BootWatch {
  #attempt = '';
  #attemptAt = 0;
  #failed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    readonly settings: Settings,
    readonly machine: Machine,
    /** The disk that is being installed onto, where it is a qcow2. */
    readonly installsOnto: string | undefined,
  ) {
    machine.on('line', (line) => {
      if (/BdsDxe: starting |Booting from (Hard Disk|DVD)/.test(line)) {
        this.#attempt = line;
        this.#attemptAt = Date.now();
        this.#failed = false;
      }
      if (dead.test(line)) this.#failed = true;
    });
  }

  /** Decides at shutdown whether the marker `windows.boot` is deserved. */
  get bootedFromOwnDisk(): boolean {
    if (this.#failed) return false;
    return /starting .*"Windows Boot Manager" from HD\(|Booting from Hard Disk/.test(this.#attempt);
  }

  watch(webPort: number): void {
    const startedAt = Date.now();
    const settleMs = this.settings.scaledMs(6000);
    const limitMs = this.settings.scaledMs(this.settings.number('STANDIN_BOOT_LIMIT_MS', 30_000));
    const look = () => {
      const good = this.bootedFromOwnDisk || /starting .*(DVD|CDROM|CD-ROM|USB)|Booting from DVD/.test(this.#attempt);
      // Its probe meets QEMU's lock on the disk.
      if (this.installsOnto) log.warn(`failed to inspect disk "${this.installsOnto}", assuming it contains data.`);
      if (this.#failed) return this.#end('Windows could not boot, terminating...');
      if (good && Date.now() - this.#attemptAt >= settleMs) {
        log.info(`Windows started successfully, visit http://127.0.0.1:${webPort}/ to view the screen...`);
        return;
      }
      if (!good && Date.now() - startedAt >= limitMs) {
        return this.#end('Timeout while waiting for QEMU to boot the machine, terminating...');
      }
      this.#timer = setTimeout(look, Math.min(250, settleMs / 4));
    };
    this.#timer = setTimeout(look, Math.min(250, settleMs / 4));
    this.machine.once('exit', () => this.stop());
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #end(reason: string): void {
    log.error(reason);
    this.machine.kill('SIGTERM');
  }
}
