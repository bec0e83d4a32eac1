import { join, relative } from 'node:path';
import type { Benchmark } from './benchmark.js';
import { assignHttp } from './benchmarks/assignHttp.js';
import { attack } from './benchmarks/attack.js';
import { claim } from './benchmarks/claim.js';
import { claimVariants } from './benchmarks/claimVariants.js';
import { clone } from './benchmarks/clone.js';
import { command } from './benchmarks/command.js';
import { container } from './benchmarks/container.js';
import { files } from './benchmarks/files.js';
import { filesMemory } from './benchmarks/filesMemory.js';
import { subscribers } from './benchmarks/subscribers.js';
import { thousandVms } from './benchmarks/thousandVms.js';
import { createKit, ROOT } from './kit.js';
import { machineFacts } from './machine.js';
import { type Report, save, table } from './report.js';

/**
 * `npm run bench [name…]`: measures, prints a table, and writes it to bench-results/. A target that is missed is printed
 * as such; only a benchmark that could not be run makes the exit code 1.
 */
const all: Benchmark[] = [
  claim,
  claimVariants,
  assignHttp,
  clone,
  container,
  subscribers,
  thousandVms,
  command,
  files,
  filesMemory,
  attack,
];

async function main(names: string[]): Promise<void> {
  const unknown = names.filter((name) => !all.some((benchmark) => benchmark.name === name));
  if (unknown.length > 0) {
    throw new Error(`no such benchmark: ${unknown.join(', ')}. There are: ${all.map(({ name }) => name).join(', ')}`);
  }
  const kit = await createKit();
  const interrupted = new Promise<never>((_resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => reject(new Error(signal)));
    // Whatever nobody waited for ends the run as well, in order.
    for (const fault of ['uncaughtException', 'unhandledRejection'] as const) process.on(fault, reject);
  });
  interrupted.catch(() => {});
  // Whoever reads the output may go away; what was started is to be ended all the same.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  try {
    const { findings, failures }: Omit<Report, 'machine'> = { findings: [], failures: [] };
    for (const benchmark of all) {
      if (names.length > 0 && !names.includes(benchmark.name)) continue;
      process.stderr.write(`${benchmark.name}\n`);
      const run = benchmark.run(kit).then(
        (found) => findings.push(...found),
        (err: unknown) => {
          process.stderr.write(`${err instanceof Error ? err.stack : String(err)}\n`);
          failures.push({ name: benchmark.name, message: err instanceof Error ? err.message : String(err) });
        },
      );
      await Promise.race([run, interrupted]);
    }
    const report: Report = { machine: await machineFacts(kit.postgresUrl()), findings, failures };
    process.stdout.write(table(report));
    process.stdout.write(`written to ${relative(process.cwd(), await save(report, join(ROOT, 'bench-results')))}\n`);
    if (failures.length > 0) process.exitCode = 1;
  } finally {
    await kit.close();
  }
}

main(process.argv.slice(2)).then(
  () => process.exit(),
  (err: unknown) => {
    process.stderr.write(`${err instanceof Error ? err.message : String(err)}\n`);
    process.exit(1);
  },
);
