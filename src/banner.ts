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
    `  REST, its docs         ${url}/api/vms, ${url}/docs`,
    `  health                 ${url}/health`,
    `  database               ${database}`,
    `  storage                ${config.provisioner === 'simulated' ? 'none (simulated)' : config.storagePath}`,
    `  VMs                    ${config.provisioner === 'simulated' ? 'SIMULATED: no VM is real' : `${config.image}, ports ${config.ports.start} to ${config.ports.end}`}`,
    'found:',
    ...parts,
    '',
  ].join('\n');
}
