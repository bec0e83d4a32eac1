import { Unavailable } from '../domain/errors.js';

/** What was read, however long its turn takes: for what is told of something that is done already. Ends as well when the caller is gone. */
export async function patiently<T>(read: () => Promise<T>, gone: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await read();
    } catch (err) {
      if (!(err instanceof Unavailable) || gone.aborted) throw err;
    }
  }
}
