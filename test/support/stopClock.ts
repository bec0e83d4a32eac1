import { onTestFinished, vi } from 'vitest';

/** To the end of the test the clock of this process stands still but for what is returned: so many ms further. What goes by time is exact then. */
export function stopClock(): (ms: number) => void {
  let now = performance.now();
  const stopped = vi.spyOn(performance, 'now').mockImplementation(() => now);
  onTestFinished(() => stopped.mockRestore());
  return (ms) => {
    now += ms;
  };
}
