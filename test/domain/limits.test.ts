import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { LIMITS } from '../../src/domain/limits.js';

const folder = fileURLToPath(new URL('..', import.meta.url));

test('each limit is named in a test, which goes beyond it', () => {
  const texts = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
  const untested = Object.keys(LIMITS).filter((name) => !texts.some((text) => text.includes(`LIMITS.${name}.`)));
  expect(untested).toEqual([]);
});
