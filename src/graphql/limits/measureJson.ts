import type { GraphQLError } from 'graphql';
import { LIMITS } from '../../domain/limits.js';
import { excess } from './excess.js';

/** What a body has beside its variables: the names of a request, and what clients write into `extensions`. */
const ENVELOPE = 50;
const MOST = LIMITS.graphqlVariables.value + ENVELOPE;
const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];

/**
 * Finds that a body has more values than variables may have, before it is parsed: an object of thousands of keys takes the parser a
 * hundred times as long as its text takes to look through. Text that is no JSON is left to the parser.
 */
export function measureJson(text: string): GraphQLError | undefined {
  let commas = 0;
  for (let at = 0; at < text.length; at++) {
    const sign = text.charCodeAt(at);
    if (sign === COMMA && ++commas > MOST)
      return excess('QUERY_SIZE', LIMITS.graphqlVariables, 'Give less in one operation.');
    if (sign === QUOTE) at = endOfString(text, at);
  }
  return undefined;
}

/** Where the string that begins here ends. */
function endOfString(text: string, begin: number): number {
  for (let end = text.indexOf('"', begin + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}
