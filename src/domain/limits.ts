import { connectionLimits } from './connectionLimits.js';
import { graphqlLimits } from './graphqlLimits.js';
import { guestLimits } from './guestLimits.js';
import { type Limit, shown } from './limit.js';
import { PRICES } from './prices.js';
import { requestLimits } from './requestLimits.js';

/**
 * The one list of limits: docs/limits.md is printed from it (`npm run limits`), and each is named in the test that goes beyond it.
 * Where a value is an operator's to choose it is a setting, in config.ts.
 */
export const LIMITS = { ...connectionLimits, ...graphqlLimits, ...requestLimits, ...guestLimits };

/** The lists as docs/limits.md shows them. */
export function limitsDocument(): string {
  const prices = Object.values(PRICES).map(({ what, points }) => `| ${what} | ${points.toLocaleString('en-US')} |`);
  return `# Limits

Printed from \`src/domain/limits.ts\` by \`npm run limits\`. Each is enforced before the work that it bounds.

${table('Connections', connectionLimits)}
${table('GraphQL', graphqlLimits)}
## Prices of GraphQL fields

| what | points |
| --- | --- |
${prices.join('\n')}

${table('Requests', requestLimits)}
${table('Guests', guestLimits).trimEnd()}
`;
}

function table(title: string, limits: Record<string, Limit>): string {
  const rows = Object.values(limits).map(
    (limit) => `| ${limit.what} | ${shown(limit)} ${limit.unit} | ${limit.refusal} |`,
  );
  return `## ${title}\n\n| what | limit | beyond it |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
}
