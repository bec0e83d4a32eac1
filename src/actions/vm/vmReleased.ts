import type { Feed } from '../../events/feed.js';

/** Aborts when the VM stops being anybody's, until `stop` is called. */
export function vmReleased(feed: Feed, vmId: string): { signal: AbortSignal; stop: () => void } {
  const over = new AbortController();
  const stop = feed.onEvents((events) => {
    if (events.some((event) => event.vmId === vmId && (event.kind === 'VM_RELEASING' || event.kind === 'VM_FAILED')))
      over.abort();
  });
  return { signal: over.signal, stop };
}
