import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseStatusPage } from '../../src/provisioner/docker/guest/statusPage.js';

test.each([
  ['<p class="loading">Starting Windows for Docker</p>', 'DOWNLOADING', null, 'Starting Windows for Docker'],
  [
    '<p class="loading">Requesting Windows 11 from the Microsoft servers</p>',
    'DOWNLOADING',
    null,
    'Requesting Windows 11 from the Microsoft servers',
  ],
  ['<p class="loading">Downloading Windows 11 (12.3%)</p>', 'DOWNLOADING', 0.123, 'Downloading Windows 11'],
  ['<p class="loading">Downloading Windows 11 (512 MB)</p>', 'DOWNLOADING', null, 'Downloading Windows 11 (512 MB)'],
  [
    'Failed to download https://me:secret@h/w.iso?sig=secret : 404.',
    'DOWNLOADING',
    null,
    'Failed to download https://***@h/w.iso?*** : 404.',
  ],
  ['Download failed (code 28).', 'DOWNLOADING', null, 'Download failed (code 28).'],
  ['<p class="loading">Verifying downloaded ISO</p>', 'DOWNLOADING', null, 'Verifying downloaded ISO'],
  [
    '<p class="loading">Extracting Windows Server 2022 image (100.0%)</p>',
    'EXTRACTING',
    1,
    'Extracting Windows Server 2022 image',
  ],
  ['<p class="loading">Adding OEM files to image</p>', 'BUILDING', null, 'Adding OEM files to image'],
  [
    '<p class="loading">Building Windows 11 image from ESD file (7%)</p>',
    'BUILDING',
    0.07,
    'Building Windows 11 image from ESD file',
  ],
  ['<p class="loading">Creating a disk image</p>', 'BUILDING', null, 'Creating a disk image'],
  ['<p class="loading">Configuring boot</p>', 'SETUP', null, 'Configuring boot'],
  ['Something &amp; &lt;new&gt; &quot;here&quot;', 'BUILDING', null, 'Something & <new> "here"'],
  ['Downloading (999%)', 'DOWNLOADING', 1, 'Downloading'],
])('%s', (html, phase, progress, message) => {
  expect(parseStatusPage(html)).toEqual({ phase, progress, message });
});

test.each(['', '  ', '<p></p>', '\u0000\u001b'])('nothing is read out of %j', (html) => {
  expect(parseStatusPage(html)).toBeUndefined();
});

test('whatever stands on the page, what comes out is bounded, on one line and without control characters', () => {
  const hostile = fc.string({
    unit: fc.constantFrom('<', '>', '&', 'amp;', '\u001b', '\n', '\u202e', '%', '(', ')', '9', 'a', ' '),
    maxLength: 2000,
  });
  fc.assert(
    fc.property(fc.oneof(hostile, fc.string({ unit: 'binary', maxLength: 2000 })), (html) => {
      const told = parseStatusPage(html);
      if (!told) return;
      expect(told.message.length).toBeLessThanOrEqual(200);
      expect(told.message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      if (told.progress !== null) expect(told.progress).toSatisfy((share: number) => share >= 0 && share <= 1);
    }),
  );
});
