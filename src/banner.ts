import type { Config } from './config.js';
import type { HealthReport } from './domain/health.js';

/** What people read when the server has started: where it is, what it found, what is missing and the fix. */
export function banner(url: string, config: Config, health: HealthReport): string {
  const database = config.databaseUrl ? 'yours (DATABASE_URL)' : 'embedded Postgres';
  const parts = (['database', 'bus', 'provisioner', 'storage', 'guests'] as const).map((name) => {
    const { status, message } = health[name];
    return `  ${status === 'OK' ? 'ok      ' : status.padEnd(8).toLowerCase()} ${name.padEnd(12)} ${message}`;
  });
  return [
    `vapiorc ${health.version} is listening`,
    `  GraphQL and GraphiQL   ${url}/graphql`,
    `  REST and its docs      ${url}/docs`,
    `  health                 ${url}/health`,
    `  database               ${database}`,
    `  storage                ${config.storagePath}`,
    `  VMs                    ${config.provisioner === 'simulated' ? 'SIMULATED: no VM is real' : `${config.image}, ports ${config.ports.start} to ${config.ports.end}`}`,
    ...(isLoopback(config.host)
      ? []
      : [
          '  WARNING                this address is open to others, and there is no login: put a proxy that authenticates before it',
        ]),
    ...config.notSettings.map(
      (name) => `  WARNING                ${name} is set, and is no setting: see docs/settings.md`,
    ),
    'found:',
    ...parts,
    '',
  ].join('\n');
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
