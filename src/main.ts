import { createLog } from './log.js';
import { logProcess } from './logProcess.js';

/** A stop that takes longer is cut off; what was under way is carried on by the next start. */
const STOP_DEADLINE_MS = 30_000;

const log = createLog('info'); // until the settings are read
logProcess(log);

async function main(): Promise<void> {
  // Not before the log is there to tell what goes wrong in them.
  const { loadConfig } = await import('./config.js');
  const config = loadConfig(process.env);
  log.level = config.logLevel;
  if (config.notSettings.length > 0) log.warn({ names: config.notSettings }, 'these are set, and are no settings');
  const [{ start }, { banner }] = await Promise.all([import('./app.js'), import('./banner.js')]);
  const tell = (line: string) => void process.stdout.write(`vapiorc: ${line}\n`);
  const app = await start(config, log, tell);

  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // The second signal does not wait any more.
      if (stopping) process.exit(1);
      stopping = true;
      log.info({ signal, deadlineMs: STOP_DEADLINE_MS }, 'stopping');
      setTimeout(() => process.exit(1), STOP_DEADLINE_MS).unref();
      // What is still under way then, such as a seal that waits for Windows, is carried on by the next start.
      app.stop().then(
        () => process.exit(),
        () => process.exit(1),
      );
    });
  }

  tell(`starting at ${app.url}`);
  try {
    process.stdout.write(banner(app.url, config, await app.ready));
  } catch (err) {
    if (stopping) return;
    await app.stop().catch(() => {});
    throw err;
  }
}

main().catch((err: unknown) => {
  log.fatal({ err }, 'vapiorc cannot start');
  process.stdout.write(`vapiorc cannot start: ${err instanceof Error ? err.message : String(err)}\n`);
  process.exitCode = 1;
});
