export interface Price {
  /** What is priced; for people. */
  what: string;
  /** Against LIMITS.graphqlCost. */
  points: number;
}

/**
 * What a field of the GraphQL API costs. Objects that are named by another one are read for all rows of an answer with one query, and
 * cost what their values cost.
 */
export const PRICES = {
  value: { what: 'each value of an answer, and of a list as many times as it may have items', points: 1 },
  introspection: { what: 'each value that introspection may answer', points: 0.5 },
  read: { what: 'a page or a list: one query to the database', points: 500 },
  change: { what: 'a mutation: a transaction', points: 100 },
  longText: { what: 'the text of a command, up to 32 KiB', points: 10 },
  output: { what: 'what a command wrote, up to 256 KiB', points: 80 },
  health: { what: 'the health of all parts', points: 200 },
  content: { what: 'a file or a picture of the screen, up to 1 MiB', points: 2_000 },
} as const satisfies Record<string, Price>;
