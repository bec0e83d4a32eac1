import { createRequire } from 'node:module';
import { defineConfig } from 'vitest/config';

/** Pure: no database, no processes. They share one context, which makes them some ten times faster. */
const unit = [
  'test/domain/**/*.test.ts',
  'test/primitives/**/*.test.ts',
  'test/config.test.ts',
  'test/packages.test.ts',
  'test/architecture.test.ts',
  'test/everyCallEnds.test.ts',
];
/** Engines of their own, run by scripts of their own. */
const elsewhere = ['test/prototype/**'];

export default defineConfig({
  // Vite would load graphql as an ES module where Node loads it as CommonJS: two copies that refuse each other's schemas.
  resolve: { alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }] },
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
          isolate: false,
        },
      },
    ],
  },
});
