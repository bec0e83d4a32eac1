import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding } from './benchmark.js';
import type { MachineFacts } from './machine.js';

export interface Report {
  machine: MachineFacts;
  findings: Finding[];
  /** Benchmarks that could not be run, and why. */
  failures: { name: string; message: string }[];
}

const HEAD = ['name', 'unit', 'p50', 'p95', 'p99', 'limit p50', 'limit p99', 'ratio', 'target', 'met'];

/** The table, then what each name stands for. */
export function table({ machine, findings, failures }: Report): string {
  const rows = findings.map(({ name, unit, measured, limit, ratio, target, met }) => [
    name,
    unit,
    ...[measured.p50, measured.p95, measured.p99, limit?.p50, limit?.p99, ratio].map(shown),
    target,
    met === undefined ? '' : met ? 'yes' : 'NO',
  ]);
  const widths = HEAD.map((head, n) => Math.max(head.length, ...rows.map((row) => row[n]?.length ?? 0)));
  const line = (cells: string[]) => `| ${cells.map((cell, n) => cell.padEnd(widths[n] ?? 0)).join(' | ')} |`;
  return [
    Object.entries(machine)
      .map(([key, value]) => `${key} ${value ?? 'none'}`)
      .join(', '),
    '',
    line(HEAD),
    `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`,
    ...rows.map(line),
    '',
    ...findings.map(({ name, what, limit, measured }) => {
      const against = limit === undefined ? '' : `; limit: ${limit.what}`;
      return `${name}: ${what} (${measured.samples} samples)${against}`;
    }),
    ...failures.map(({ name, message }) => `FAILED ${name}: ${message}`),
    '',
  ].join('\n');
}

/** Answers the path of the file. */
export async function save(report: Report, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${report.machine.date.replaceAll(':', '-')}.json`);
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
  return file;
}

function shown(figure: number | undefined): string {
  if (figure === undefined) return '';
  if (figure !== 0 && Math.abs(figure) < 0.1) return figure.toPrecision(2);
  return figure.toFixed(Math.abs(figure) >= 100 ? 0 : Math.abs(figure) >= 10 ? 1 : 2);
}
