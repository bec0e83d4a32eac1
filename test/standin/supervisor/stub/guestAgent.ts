import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Plan } from '../plan.js';
import type { GuestClock } from './guestClock.js';
import { GuestCommands } from './guestCommands.js';
import type { GuestDisk } from './guestDisk.js';
import type { ServerLink } from './serverLink.js';

interface Wiring {
  readonly plan: Plan;
  readonly disk: GuestDisk;
  readonly clock: GuestClock;
  readonly link: ServerLink;
  readonly reboot: () => void;
  /** The processors stand still from now on, as by the monitor's `stop`. */
  readonly freeze: () => void;
  readonly signal: AbortSignal;
}

/** How Windows came to start the agent: install.bat is done, failed, or it is one start among others. */
export type Phase = 'installed' | 'failed' | 'ready';

const longPollSeconds = 25;
/** Between two looks while a command runs; at most ten calls a second are allowed. */
const busyPauseMs = 250;

/** The agent of the guest protocol, for as long as this start of Windows lasts. */
export class GuestAgent {
  readonly #wiring: Wiring;
  readonly #session = randomBytes(16).toString('hex');
  readonly #commands: GuestCommands;

  constructor(wiring: Wiring) {
    this.#wiring = wiring;
    const { settings, share } = wiring.plan;
    const shared = share ? { folder: share, readOnly: settings.isOn('SAMBA_READONLY', false) } : undefined;
    this.#commands = new GuestCommands(wiring.disk, shared, async (id, result) => {
      await wiring.link.call('result', () => ({ id, session: this.#session, ...result }));
    });
    wiring.signal.addEventListener('abort', () => this.#commands.cut(), { once: true });
  }

  async run(phase: Phase): Promise<void> {
    const { link, plan } = this.#wiring;
    await link.configure();
    const golden = link.role === 'golden';
    if (phase !== 'ready' && golden) await this.#install(phase);
    // The later starts of a golden machine say `ready` too; only its installation says how that went.
    await this.#report(golden ? phase : 'ready');
    if (!golden && plan.settings.hasFault('freeze')) this.#wiring.freeze();
    if (phase === 'failed' || plan.settings.hasFault('agent-dies')) return;
    this.#commands.reportLost();
    for (;;) await this.#next();
  }

  /** The steps of install.bat. */
  async #install(phase: Phase): Promise<void> {
    const { plan, link, signal } = this.#wiring;
    const steps = plan.settings.number('STANDIN_INSTALL_STEPS', 4);
    const failsAt = phase === 'failed' ? Math.ceil(steps / 2) : steps + 1;
    for (let done = 1; done < Math.min(failsAt, steps + 1); done++) {
      await sleep(plan.settings.number('STANDIN_STEP_MS', 30), undefined, { signal });
      if (plan.settings.hasFault('no-progress')) continue;
      await link.callOnce('progress', { step: `step ${done} of ${steps}`, done: String(done), of: String(steps) });
    }
  }

  /** Says who the guest is, and obeys, until the server has nothing more to say about it. */
  async #report(phase: Phase): Promise<void> {
    const { plan, disk, clock, link, reboot, signal } = this.#wiring;
    for (;;) {
      const answer = await link.call('ready', () => ({ phase, ...this.#facts(), ...failure(phase) }));
      const order = answer?.get('do');
      if (order === 'rename' && !plan.settings.hasFault('rename-fails')) {
        await disk.set({ '.computer': answer?.get('name') ?? '' });
        reboot();
        return sleep(2 ** 31 - 1, undefined, { signal });
      }
      if (order === 'sync' && !plan.settings.hasFault('sync-fails')) clock.set(Number(answer?.get('time')));
      else if (order === 'sync' || order === 'rename') await this.#pause(10_000);
      else return;
    }
  }

  #facts(): Record<string, string | undefined> {
    const { plan, disk, clock } = this.#wiring;
    return {
      session: this.#session,
      agent: 'standin',
      windows: decodeURIComponent(disk.get('.windows') ?? ''),
      build: plan.settings.text('STANDIN_BUILD', '10.0.26100'),
      computer: disk.get('.computer'),
      guid: disk.get('.guid'),
      user: plan.settings.text('USERNAME', 'Docker'),
      ip: plan.network.guestIp,
      clock: clock.text,
      codepage: '65001',
    };
  }

  async #next(): Promise<void> {
    const commands = this.#commands;
    const { link, clock, plan } = this.#wiring;
    const wait = commands.ids.length > 0 ? 0 : longPollSeconds;
    const answer = await link.call('next', () => this.#state(wait), wait);
    const id = answer?.get('id');
    switch (answer?.get('do')) {
      case 'none':
        if (commands.ids.length > 0) await commands.changed(busyPauseMs);
        return;
      case 'ready':
        return this.#report('ready');
      case 'run':
        return void (id && commands.start({ id, ...order(answer) }));
      case 'cancel':
        return void (id && commands.cancel(id));
      case 'sync':
        if (!plan.settings.hasFault('sync-fails')) clock.set(Number(answer?.get('time')));
        return;
      default:
        // Refused, or words of a later protocol: not at once again.
        return this.#pause(1000);
    }
  }

  #state(wait: number): Record<string, string> {
    const { ids } = this.#commands;
    return { session: this.#session, wait: String(wait), running: ids.join(','), ...this.#commands.outputs() };
  }

  #pause(ms: number): Promise<void> {
    const { plan, signal } = this.#wiring;
    return sleep(plan.settings.scaledMs(ms), undefined, { signal });
  }
}

function order(answer: Map<string, string> | undefined) {
  return {
    command: answer?.get('command') ?? '',
    timeoutSeconds: Number(answer?.get('timeout')) || 3600,
    directory: answer?.get('directory') ?? '',
    script: answer?.get('script') ?? 'here',
  };
}

function failure(phase: Phase): Record<string, string> {
  return phase === 'failed' ? { step: 'install the programs', reason: 'setup.exe ended with 1603' } : {};
}
