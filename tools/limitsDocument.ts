import type { FieldFacts } from '../src/actions/describeInput.js';
import { connectionLimits } from '../src/domain/connectionLimits.js';
import { graphqlLimits } from '../src/domain/graphqlLimits.js';
import { guestLimits } from '../src/domain/guestLimits.js';
import { type Limit, shown } from '../src/domain/limit.js';
import { PRICES } from '../src/domain/prices.js';
import { told } from '../src/domain/prose.js';
import { requestLimits } from '../src/domain/requestLimits.js';
import { reads, verbs } from './specs.js';

/** All limits as a page of Markdown. */
export async function limitsDocument(): Promise<string> {
  const prices = Object.values(PRICES).map(({ what, points }) => [what, number(points)]);
  const actions = (await verbs()).map(({ spec, fields }) => ({ name: spec.name, fields }));
  return `# Limits

Printed from \`src/domain/limits.ts\` and, for inputs, from the specs in \`src/actions/\` by \`npm run limits\`. Each is enforced before the work
that it bounds.

${limitsTable('Connections', connectionLimits)}
${limitsTable('GraphQL', graphqlLimits)}
${table('Prices of GraphQL fields', ['what', 'points'], prices)}
${limitsTable('Requests', requestLimits)}
${limitsTable('Guests', guestLimits)}
## Inputs

What the fields of each call may be, where they are bounded or there is a default; beyond it: InvalidInput, with the field, the value and
what to do; REST: HTTP 422. Fields have the names of GraphQL here: REST's are \`ram_mib\` for \`ramMiB\`, and \`instance_id\`, \`golden_id\`,
\`assignment_id\` and \`command_id\` for ids. An id is 36 characters long.

${fieldsTable('Changes, files and screens', actions)}
${fieldsTable('Reads of REST', await reads()).trimEnd()}
`;
}

function limitsTable(title: string, limits: Record<string, Limit>): string {
  const rows = Object.values(limits).map((limit) => [limit.what, `${shown(limit)} ${limit.unit}`, limit.refusal]);
  return table(title, ['what', 'limit', 'beyond it'], rows);
}

interface Call {
  name: string;
  fields: ReadonlyMap<string, FieldFacts>;
}

function fieldsTable(title: string, calls: readonly Call[]): string {
  const rows = calls
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .flatMap(({ name, fields }) =>
      [...fields].flatMap(([field, facts]) => {
        const [may, otherwise] = [boundsOf(facts), facts.default];
        if (may === '' && otherwise === undefined) return [];
        const fallback = otherwise === undefined ? '' : `\`${otherwise}\``;
        return [[`\`${name}\``, `\`${field}\``, may, fallback, told(facts.description ?? '')]];
      }),
    );
  return table(title, ['call', 'field', 'may be', 'default', 'what'], rows, '###');
}

/** In words; empty: nothing bounds it but what is said of it. */
function boundsOf({ enum: choices, minimum, maximum, maxLength, maxItems }: FieldFacts): string {
  if (choices) return choices.map((choice) => `\`${choice}\``).join(', ');
  if (maxItems !== undefined) return `at most ${number(maxItems)}`;
  if (maxLength !== undefined) return `at most ${number(maxLength)} characters`;
  if (minimum === undefined) return '';
  // What no number of JavaScript is beyond bounds nothing.
  return maximum === Number.MAX_SAFE_INTEGER
    ? `${number(minimum)} or more`
    : `${number(minimum)} to ${number(maximum ?? 0)}`;
}

function table(title: string, heads: readonly string[], rows: readonly (readonly string[])[], level = '##'): string {
  const lines = [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return `${level} ${title}\n\n${lines.join('\n')}\n`;
}

const number = (value: number) => value.toLocaleString('en-US');
