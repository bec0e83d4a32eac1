import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Locked {
  /** Where the folder has another name than the package. */
  name?: string;
  dev?: boolean;
}

const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as {
  packages: Record<string, Locked>;
};
/** What `npm ci --omit=dev` installs. npm counts an optional peer of a package that runs as something that runs, too, if it is there. */
const toRun = Object.entries(packages)
  .filter(([path, { dev }]) => path !== '' && !dev)
  .map(([path, { name }]) => name ?? path.replace(/^.*node_modules\//, ''));

// @prisma/client has prisma and typescript as optional peers: by these names they would be installed to run, with what they need.
test.each(['prisma', '@prisma/dev', '@prisma/engines', '@prisma/schema-engine-wasm', 'typescript'])(
  '%s, which only the build needs, is not installed to run',
  (name) => {
    expect(toRun).toContain('@prisma/client');
    expect(toRun).not.toContain(name);
  },
);

// dockerode speaks to one local socket here; its clients for SSH and BuildKit are some 40 packages, and 0.2 s at each start.
test.each(['ssh2', '@grpc/grpc-js', 'protobufjs', '@scarf/scarf'])('%s is not installed at all', (name) => {
  expect(Object.entries(packages).map(([path, locked]) => locked.name ?? path)).toContain('empty-npm-package');
  expect(toRun).not.toContain(name);
});
