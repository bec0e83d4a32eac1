import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { computerName } from '../../src/domain/computerName.js';

test('a name that Windows takes, another for each VM and each attempt, the same again when asked again', () => {
  const names = new Set<string>();
  for (let n = 0; n < 500; n++) {
    const id = randomUUID();
    for (const attempt of [1, 2]) {
      const name = computerName(id, attempt);
      expect(name).toMatch(/^VM-[A-Z2-7]{12}$/);
      expect(computerName(id, attempt)).toBe(name);
      names.add(name);
    }
  }
  expect(names.size).toBe(1_000);
});
