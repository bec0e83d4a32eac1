import { createRequire } from 'node:module';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Pure: no database, no processes. They share one context, which makes them some ten times faster. */
const unit = [
  'test/domain/**/*.test.ts',
  'test/primitives/**/*.test.ts',
  'test/config.test.ts',
  'test/docs.test.ts',
  'test/packages.test.ts',
  'test/architecture.test.ts',
  'test/everyCallEnds.test.ts',
];
/** Folders whose tests wait for engines and guests most of their time. */
const WAITING = ['system', 'standin', 'provisioner', 'oem'];

/** What takes minutes is begun first, so that none of it is left alone at the end. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = WAITING.findIndex((folder) => moduleId.includes(`/test/${folder}/`));
      return at < 0 ? WAITING.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

/** Engines of their own, run by scripts of their own. */
const elsewhere = ['test/prototype/**'];

export default defineConfig({
  // Vite would load graphql as an ES module where Node loads it as CommonJS: two copies that refuse each other's schemas.
  resolve: { alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }] },
  test: {
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
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
