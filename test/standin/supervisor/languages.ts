// Name, culture, short code. English adds nothing to the name of the medium, the others add `_xx`.
const rows = `arabic ar-sa ar|bulgarian bg-bg bg|chinese zh-cn zh|croatian hr-hr hr|czech cs-cz cs|danish da-dk da
|dutch nl-nl nl|english en-us en|english en-gb en-gb|estonian et-ee et|finnish fi-fi fi|french fr-fr fr|german de-de de
|greek el-gr gr|hebrew he-il he|hungarian hu-hu hu|italian it-it it|japanese ja-jp ja|korean ko-kr ko|latvian lv-lv lv
|lithuanian lt-lt lt|norwegian nb-no nb|polish pl-pl pl|portuguese pt-pt pt|brazilian pt-br br|romanian ro-ro ro
|russian ru-ru ru|serbian sr-latn-rs sr|slovak sk-sk sk|slovenian sl-si sl|spanish es-es es|mexican es-mx mx
|swedish sv-se sv|thai th-th th|turkish tr-tr tr|ukrainian uk-ua uk`
  .replace(/\n/g, '')
  .split('|')
  .map((row) => row.split(' '));

/** The short code of a LANGUAGE (name, culture or code); undefined when there is no such language. */
export function languageCode(language: string): string | undefined {
  const wanted = language.trim().toLowerCase().replace('_', '-') || 'en';
  return rows.find((row) => row.includes(wanted))?.[2];
}
