import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'examples/README.md',
  'oem/README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`),
].filter((name) => name.endsWith('.md'));
const read = (path: string) => readFileSync(path, 'utf8');

/** As GitHub names the places of a page. */
const placesOf = (text: string) =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );

test('what pages link to is there, and the place in it', () => {
  const dead = pages.flatMap((page) =>
    [...read(join(root, page)).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)].flatMap(
      ([link, path = '', place]) => {
        const target = path === '' ? join(root, page) : join(root, dirname(page), path);
        const isThere = existsSync(target) && (place === undefined || placesOf(read(target)).includes(place));
        return isThere ? [] : `${page}: ${link}`;
      },
    ),
  );
  expect(pages.length).toBeGreaterThan(8);
  expect(dead).toEqual([]);
});

test('the first page is short', () => {
  expect(read(join(root, 'README.md')).split('\n').length).toBeLessThan(250);
});
