import { onTestFinished, vi } from 'vitest';

/** To the end of the test the clock of this process stands still but for what is returned: so many ms further. What goes by time is exact then. */
export function stopClock(): (ms: number) => void {
  let now = Math.ceil(performance.now()); // fractions do not add up to what was gone on
  const stopped = vi.spyOn(performance, 'now').mockImplementation(() => now);
  onTestFinished(() => stopped.mockRestore());
  return (ms) => {
    now += ms;
  };
}
