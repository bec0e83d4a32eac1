/** The languages that the guest image knows (release 6.05, its own table): by name, and by code, alone or with a region behind it. */
const LANGUAGES: Readonly<Record<string, { codes: string; otherNames?: string }>> = {
  Arabic: { codes: 'ar', otherNames: 'arab' },
  Bulgarian: { codes: 'bg', otherNames: 'bu' },
  Chinese: { codes: 'zh cn', otherNames: 'hk tw' },
  Croatian: { codes: 'hr cr', otherNames: 'hrvatski' },
  Czech: { codes: 'cs cz', otherNames: 'cesky' },
  Danish: { codes: 'da dk', otherNames: 'danske' },
  Dutch: { codes: 'nl', otherNames: 'nederlands' },
  English: { codes: 'en', otherNames: 'gb british' },
  Estonian: { codes: 'et', otherNames: 'eesti' },
  Finnish: { codes: 'fi', otherNames: 'suomi' },
  French: { codes: 'fr', otherNames: 'français francais ca' },
  German: { codes: 'de', otherNames: 'deutsch' },
  Greek: { codes: 'el gr' },
  Hebrew: { codes: 'he il' },
  Hungarian: { codes: 'hu', otherNames: 'magyar' },
  Italian: { codes: 'it', otherNames: 'italiano' },
  Japanese: { codes: 'ja jp' },
  Korean: { codes: 'ko kr' },
  Latvian: { codes: 'lv', otherNames: 'latvijas' },
  Lithuanian: { codes: 'lt', otherNames: 'lietuvos' },
  Norwegian: { codes: 'no nb nn', otherNames: 'norsk' },
  Polish: { codes: 'pl', otherNames: 'polski' },
  Portuguese: { codes: 'pt', otherNames: 'br português portugues' },
  Romanian: { codes: 'ro', otherNames: 'română romana' },
  Russian: { codes: 'ru', otherNames: 'ruski' },
  Serbian: { codes: 'sr' },
  Slovak: { codes: 'sk', otherNames: 'slovenský slovensky' },
  Slovenian: { codes: 'sl si', otherNames: 'slovenski' },
  Spanish: { codes: 'es', otherNames: 'español espanol mx' },
  Swedish: { codes: 'sv se', otherNames: 'svenska' },
  Thai: { codes: 'th' },
  Turkish: { codes: 'tr', otherNames: 'türk turk' },
  Ukrainian: { codes: 'uk ua' },
};

const codes = new Set(Object.values(LANGUAGES).flatMap((language) => language.codes.split(' ')));
const names = new Set(
  Object.entries(LANGUAGES).flatMap(([name, { otherNames = '' }]) => [
    name.toLowerCase(),
    ...(otherNames.match(/\S+/g) ?? []),
  ]),
);

/** For people: each language with its code. */
export const LANGUAGE_LIST = Object.entries(LANGUAGES)
  .map(([name, language]) => `${name} (${language.codes.split(' ', 1)[0]})`)
  .join(', ');

/** Whether the guest image knows what to do with this LANGUAGE. It compares without regard to case, of ASCII letters. */
export function isLanguage(given: string): boolean {
  const word = given.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
  const [code = ''] = word.split(/[-_]/, 1);
  return names.has(word) || (codes.has(code) && /^[a-z]{2}([-_][a-z\d]{2,8}){0,3}$/.test(word));
}
