import { type GraphQLError, Lexer, type Source, type Token, TokenKind } from 'graphql';
import { LIMITS } from '../../domain/limits.js';
import { excess } from './excess.js';

const OPENING: ReadonlySet<TokenKind> = new Set([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L]);
const CLOSING: ReadonlySet<TokenKind> = new Set([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R]);

/**
 * What is too large in the text of a document, found before it is parsed: the parser calls itself for each bracket. Text that is no
 * GraphQL is left to the parser to tell.
 */
export function measureText(source: Source): GraphQLError | undefined {
  if (source.body.length > LIMITS.graphqlCharacters.value)
    return excess('QUERY_SIZE', LIMITS.graphqlCharacters, 'Put long texts into variables.');
  const lexer = new Lexer(source);
  let depth = 0;
  for (let count = 0; count <= LIMITS.graphqlTokens.value; count++) {
    const token = next(lexer);
    if (token === undefined || token.kind === TokenKind.EOF) return undefined;
    if (token.kind === TokenKind.NAME && token.value.length > LIMITS.graphqlNameCharacters.value)
      return excess('QUERY_SIZE', LIMITS.graphqlNameCharacters, 'Give shorter names.');
    if (OPENING.has(token.kind) && ++depth > LIMITS.graphqlNesting.value)
      return excess('QUERY_SIZE', LIMITS.graphqlNesting, 'Ask for less in one operation.');
    if (CLOSING.has(token.kind)) depth--;
  }
  return excess('QUERY_SIZE', LIMITS.graphqlTokens, 'Ask for less in one operation.');
}

function next(lexer: Lexer): Token | undefined {
  try {
    return lexer.advance();
  } catch {
    return undefined;
  }
}
