import { z } from 'zod';
import { SETTINGS } from '../src/settings.js';

interface Described {
  description?: string;
  otherwise?: string;
  default?: string | number;
  enum?: string[];
  minimum?: number;
  maximum?: number;
}

/** All settings as a page of Markdown. */
export function settingsDocument(): string {
  const { properties = {} } = z.toJSONSchema(SETTINGS, { io: 'input', unrepresentable: 'any' });
  const rows = Object.entries(properties as Record<string, Described>).map(
    ([name, setting]) => `| \`${name}\` | ${defaultOf(setting)} | ${valuesOf(setting)} | ${setting.description} |`,
  );
  return [
    '# Settings',
    '',
    'Printed from `src/settings.ts` by `npm run settings`. Variables of the environment, all optional: with an empty environment the',
    'defaults hold, an empty value counts as none. Bad ones are named at the start, each with what to give. `npm start` does not read',
    '`.env`; Compose does.',
    '',
    '| variable | default | values | meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function defaultOf({ default: value, otherwise }: Described): string {
  return otherwise ?? `\`${value}\``;
}

function valuesOf({ enum: names, minimum, maximum }: Described): string {
  if (names) return names.map((name) => `\`${name}\``).join(', ');
  return minimum === undefined ? '' : `${minimum} to ${maximum}`;
}
