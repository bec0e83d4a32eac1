import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { databaseAway } from '../db/databaseAway.js';
import { Refusal } from '../domain/errors.js';
import type { Logger } from '../log.js';
import { answerRefusal, problem } from './refusals.js';

/**
 * Whatever a handler threw: a refusal says itself; anything else is a fault, which is logged once and told to the caller as an id
 * that leads to that line, and nothing more.
 */
export function answerFault(c: Context, err: Error, log: Logger): Response {
  if (err instanceof Refusal) return answerRefusal(c, err);
  if (err instanceof HTTPException && err.status === 400)
    return c.json(
      problem('MALFORMED', 'the body is not valid JSON', String.raw`Send JSON; in JSON a \ is written \\.`),
      400,
    );
  const away = databaseAway(err);
  if (away) {
    log.warn(
      { method: c.req.method, path: c.req.path, why: away.message },
      'request failed by the state of the database',
    );
    return answerRefusal(c, away);
  }
  const faultId = randomUUID();
  log.error({ err, faultId, method: c.req.method, path: c.req.path }, 'request failed');
  return c.json(
    problem('FAULT', 'something failed inside vapiorc', `Look for ${faultId} in its log.`, { fault_id: faultId }),
    500,
  );
}
