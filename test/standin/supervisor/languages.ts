// Code, then what else is understood. A code may have a region behind it. English adds nothing to the name of the medium, the others add `_xx`.
const rows =
  `ar arabic arab|bg bulgarian bu|zh cn chinese hk tw|hr cr croatian hrvatski|cs cz czech cesky|da dk danish danske
|nl dutch nederlands|en english gb british|et estonian eesti|fi finnish suomi|fr french français francais ca|de german deutsch
|el gr greek|he il hebrew|hu hungarian magyar|it italian italiano|ja jp japanese|ko kr korean|lv latvian latvijas
|lt lithuanian lietuvos|no nb nn norwegian norsk|pl polish polski|pt br portuguese português portugues|ro romanian română romana
|ru russian ruski|sr serbian|sk slovak slovenský slovensky|sl si slovenian slovenski|es spanish español espanol mx
|sv se swedish svenska|th thai|tr turkish türk turk|uk ua ukrainian`
    .replace(/\n/g, '')
    .split('|')
    .map((row) => row.split(' '));

/** The short code of a LANGUAGE (name, culture or code); undefined when there is no such language. */
export function languageCode(language: string): string | undefined {
  const wanted = language.trim().toLowerCase().replaceAll('_', '-') || 'en';
  const code = /^([a-z]{2})-/.exec(wanted)?.[1] ?? wanted;
  return rows.find((row) => row.includes(code))?.[0];
}
