import type { Logger } from '../log.js';

export interface Closer {
  name: string;
  close: () => Promise<void>;
}

/** Closes in reverse order of opening. One that fails does not keep the rest open. */
export async function closeAll(closers: readonly Closer[], log: Logger): Promise<void> {
  const failures: unknown[] = [];
  for (const { name, close } of closers.toReversed()) {
    try {
      await close();
    } catch (err) {
      failures.push(err);
      log.error({ err, name }, 'close failed');
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'shutdown was not clean');
}
