import { expect, test } from 'vitest';
import { isLanguage } from '../../src/domain/languages.js';
import { languageCode } from '../standin/supervisor/languages.js';

const KNOWN = [
  'en',
  'German',
  'GERMAN',
  'de',
  'de-AT',
  'DE_ch',
  'fr-FR',
  'français',
  'pt-br',
  'br',
  'sr-Latn-RS',
  'zh-hk',
  'tw',
  'nn',
  'mx',
];
const UNKNOWN = [
  '',
  'klingon',
  'xx',
  'eng',
  'de-',
  'de at',
  'de-AT;reboot',
  'german\nX=1',
  'ca-ES',
  'FRANÇAIS',
  '../de',
  'de-äö',
];

test.each(KNOWN)('the guest image knows %j', (language) => {
  expect(isLanguage(language)).toBe(true);
  expect(languageCode(language)).toBeDefined();
});

test.each(UNKNOWN)('the guest image does not know %j', (language) => expect(isLanguage(language)).toBe(false));
