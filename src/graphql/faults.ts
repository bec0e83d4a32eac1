import { randomUUID } from 'node:crypto';
import { GraphQLError } from 'graphql';
import { databaseAway } from '../db/databaseAway.js';
import type { Logger } from '../log.js';

/** What the caller may see of an error. */
export type MaskError = (error: unknown) => GraphQLError;

/**
 * Refusals and mistakes of the caller pass as they are: they were made as a GraphQLError. Anything else is a fault, which may carry
 * anything in its message: the caller gets an id, and the log gets the fault with that id, once.
 */
export function createMaskError(log: Logger): MaskError {
  const masked = new WeakMap<object, GraphQLError>();
  return (error) => {
    if (isForCaller(error)) return error;
    const key = error !== null && typeof error === 'object' ? error : undefined;
    const known = key && masked.get(key);
    if (known) return known;
    const at = error instanceof GraphQLError ? error : undefined;
    const where = { ...(at?.nodes && { nodes: at.nodes }), ...(at?.path && { path: at.path }) };
    const away = databaseAway(at?.originalError ?? error);
    if (away) {
      log.warn({ path: at?.path }, 'graphql operation failed: the database does not answer');
      const extensions = { code: away.code, fix: away.fix, http: { status: 503, spec: true } };
      return new GraphQLError(away.message, { ...where, extensions });
    }
    const id = randomUUID();
    log.error({ err: at?.originalError ?? error, faultId: id, path: at?.path }, 'graphql operation failed');
    const shown = new GraphQLError(`internal error, id ${id}`, {
      ...where,
      extensions: { code: 'INTERNAL_SERVER_ERROR', id, http: { status: 500, spec: true } },
    });
    if (key) masked.set(key, shown);
    return shown;
  };
}

function isForCaller(error: unknown): error is GraphQLError {
  if (!(error instanceof GraphQLError)) return false;
  return error.originalError === undefined || isForCaller(error.originalError);
}
