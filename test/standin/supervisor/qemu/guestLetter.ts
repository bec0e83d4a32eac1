import { randomUUID } from 'node:crypto';
import type { Plan } from '../plan.js';

/** What the tiny guest is told through fw_cfg: its part of the answer file, and which faults to play. */
export function guestLetter({ settings, orders, windows, computer, network, share }: Plan): string {
  const seconds = (name: string, fallbackMs: number) => (settings.number(name, fallbackMs) / 1000).toFixed(2);
  const lines = {
    windows,
    computer,
    oem: orders.oemFiles,
    oddnames: orders.oddNames,
    installbat: orders.runsInstallBat ? 'ran' : 'none',
    command: encodeURIComponent(orders.command),
    log: orders.runsInstallBat && settings.isOn('LOG', false) ? 'yes' : 'no',
    setup: seconds('STANDIN_SETUP_MS', 200),
    ready: seconds('STANDIN_READY_MS', 0),
    network: network.mode,
    share: share ? 'yes' : 'no',
    user: settings.text('USERNAME', 'Docker'),
    build: settings.text('STANDIN_BUILD', '10.0.26100'),
    steps: String(settings.number('STANDIN_INSTALL_STEPS', 4)),
    step: seconds('STANDIN_STEP_MS', 30),
    pause: String(Math.ceil(settings.number('STANDIN_REPORT_RETRY_MS', 8000) / 1000)),
    skew: String(settings.number('STANDIN_CLOCK_SKEW_SECONDS', 0)),
    // Of this container: a clock that was set stays right when the guest restarts, but not when the machine does.
    start: randomUUID(),
    poweroff: settings.isOn('STANDIN_POWEROFF_AFTER_INSTALL', false) ? 'yes' : 'no',
    faults: settings.list('STANDIN_FAULT').join(','),
  };
  return Object.entries(lines)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}
