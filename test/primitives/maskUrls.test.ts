import { expect, test } from 'vitest';
import { maskUrls } from '../../src/primitives/maskUrls.js';

test.each([
  ['https://me:secret@iso.example/win7.iso?sig=secret#secret', 'https://***@iso.example/win7.iso?***'],
  ['HTTP://token@h', 'HTTP://***@h'],
  ['ftp://me:secret@h/x', 'ftp://***@h/x'],
  [
    'Failed to download https://u:p%40@h:8080/w.iso?x=1 because of "404".',
    'Failed to download https://***@h:8080/w.iso?*** because of "404".',
  ],
  ['<a href="https://h/w.iso?key=secret">', '<a href="https://h/w.iso?***">'],
  ['two: http://a:b@c/ http://d/?e', 'two: http://***@c/ http://d/?***'],
  ['visit http://127.0.0.1:8006/ to view the screen...', 'visit http://127.0.0.1:8006/ to view the screen...'],
  ['who@where: is it? yes', 'who@where: is it? yes'],
])('%s', (text, masked) => expect(maskUrls(text)).toBe(masked));

test('takes no time for a text that is made to take it', () => {
  const began = performance.now();
  maskUrls('https://'.repeat(20_000));
  maskUrls(`https://${'a@'.repeat(40_000)}`);
  maskUrls('a.b'.repeat(30_000));
  expect(performance.now() - began).toBeLessThan(1_000);
});
