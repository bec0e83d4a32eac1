/** What bounds what one caller, one guest or all of them together may cost. A limit stands here once, with what is said at it. */
export interface Limit {
  /** What is counted, and of whom; for people. */
  what: string;
  value: number;
  unit: string;
  /** What whoever goes beyond it gets. It comes before the work that the limit bounds. */
  refusal: string;
}

/**
 * The one list of limits: docs/limits.md is printed from it (`npm run limits`), and each is named in the test that goes beyond it.
 * Where a value is an operator's to choose it is a setting, in config.ts.
 */
export const LIMITS = {
  graphqlTokens: {
    what: 'words and signs in one GraphQL document (GraphiQL asks with some 300)',
    value: 4_000,
    unit: 'tokens',
    refusal: 'GraphQL error, HTTP 400',
  },
  graphqlBodyBytes: {
    what: 'a GraphQL request over HTTP, and a message over WebSocket (a file of 1 MiB fits in, in base64)',
    value: 2 * 1024 * 1024,
    unit: 'bytes',
    refusal: 'HTTP 413; WebSocket close code 1009',
  },
} as const satisfies Record<string, Limit>;

/** The list as docs/limits.md shows it. */
export function limitsDocument(): string {
  const rows = Object.values(LIMITS).map(
    ({ what, value, unit, refusal }) => `| ${what} | ${value.toLocaleString('en-US')} ${unit} | ${refusal} |`,
  );
  return `# Limits

Printed from \`src/domain/limits.ts\` by \`npm run limits\`. Each is enforced before the work that it bounds.

| what | limit | beyond it |
| --- | --- | --- |
${rows.join('\n')}
`;
}
