import type { HealthReport, PartHealth, PartStatus } from '../../domain/health.js';
import { PRICES } from '../../domain/prices.js';
import { builder } from '../builder.js';

const HealthStatus = builder.enumType('HealthStatus', {
  description: 'How well a part works.',
  values: {
    OK: { description: 'It works.' },
    DEGRADED: { description: 'It works, slower or only partly; the message says what to do.' },
    DOWN: { description: 'It does not work; the message says what to do.' },
  } satisfies Record<PartStatus, { description: string }>,
});

const HealthPart = builder.objectRef<PartHealth>('HealthPart').implement({
  description: 'One thing that the server needs.',
  fields: (t) => ({
    status: t.expose('status', { type: HealthStatus, description: 'How well it works.' }),
    message: t.exposeString('message', { description: 'What was found and, where it is not OK, the fix.' }),
  }),
});

const Health = builder.objectRef<HealthReport>('Health').implement({
  description: 'How the server and what it needs are doing now.',
  fields: (t) => ({
    status: t.expose('status', {
      type: HealthStatus,
      description: 'All in all: DOWN only without the database, DEGRADED when another part is not OK.',
    }),
    version: t.exposeString('version', { description: 'Version of this server.' }),
    database: t.expose('database', { type: HealthPart, description: 'Postgres, which holds all that is known.' }),
    bus: t.expose('bus', {
      type: HealthPart,
      description: 'Hints between servers. Without it events come late, not wrong.',
    }),
    provisioner: t.expose('provisioner', { type: HealthPart, description: 'What runs the containers.' }),
    storage: t.expose('storage', { type: HealthPart, description: 'Where disks are.' }),
    guests: t.expose('guests', { type: HealthPart, description: 'Whether guests can reach this server.' }),
  }),
});

builder.queryField('health', (t) =>
  t.field({
    type: Health,
    description: 'How the server and what it needs are doing now.',
    complexity: PRICES.health.points,
    resolve: (_root, _args, { health }) => health(),
  }),
);
