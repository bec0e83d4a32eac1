import { Writable } from 'node:stream';
import { type LevelWithSilent, pino } from 'pino';
import type { Logger } from '../../src/log.js';

/** A log whose lines, from this level on, are kept for a test to look at. */
export function collectLog(level: LevelWithSilent): { logger: Logger; log: Record<string, unknown>[] } {
  const log: Record<string, unknown>[] = [];
  const sink = new Writable({
    write(line, _encoding, done) {
      log.push(JSON.parse(String(line)));
      done();
    },
  });
  return { logger: pino({ level, base: null }, sink), log };
}
