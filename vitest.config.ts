import { defineConfig } from 'vitest/config';

/** Pure: no database, no processes. They share one context, which makes them some ten times faster. */
const unit = ['test/domain/**/*.test.ts', 'test/config.test.ts', 'test/architecture.test.ts'];
/** Engines of their own, run by scripts of their own. */
const elsewhere = ['test/wine/**', 'test/prototype/**'];

export default defineConfig({
  test: {
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: 'unit', include: unit, exclude: elsewhere, isolate: false } },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: [...unit, ...elsewhere],
          globalSetup: ['test/support/globalSetup.ts'],
        },
      },
    ],
  },
});
