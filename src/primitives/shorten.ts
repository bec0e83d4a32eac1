/** The beginning of a text, at most `most` UTF-16 units of it, with … where it was cut. No half of a character stays. */
export function shorten(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
