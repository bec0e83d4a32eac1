/** Control and format characters (which reorder or hide text), line separators, and halves of characters. */
export const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
