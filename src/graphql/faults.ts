import { randomUUID } from 'node:crypto';
import { GraphQLError } from 'graphql';
import { databaseAway } from '../db/databaseAway.js';
import type { Logger } from '../log.js';

/** What the caller may see of an error. */
export type MaskError = (error: unknown) => GraphQLError;

/**
 * Refusals and mistakes of the caller pass as they are: they were made as a GraphQLError. Anything else is a fault, which may carry
 * anything in its message: the caller gets an id, and the log gets the fault with that id, once, however many fields it came to.
 */
export function createMaskError(log: Logger): MaskError {
  const logged = new WeakMap<object, string>();
  return (error) => {
    if (isForCaller(error)) return error;
    const at = error instanceof GraphQLError ? error : undefined;
    const fault: unknown = at?.originalError ?? error;
    const where = { ...(at?.nodes && { nodes: at.nodes }), ...(at?.path && { path: at.path }) };
    const key = typeof fault === 'object' && fault !== null ? fault : {};
    const known = logged.get(key);
    const id = known ?? randomUUID();
    logged.set(key, id);
    const away = databaseAway(fault);
    if (away) {
      if (!known)
        log.warn({ path: at?.path, why: away.message }, 'graphql operation failed by the state of the database');
      const extensions = { code: away.code, fix: away.fix, http: { status: 503, spec: true } };
      return new GraphQLError(away.message, { ...where, extensions });
    }
    if (!known) log.error({ err: fault, faultId: id, path: at?.path }, 'graphql operation failed');
    const extensions = { code: 'INTERNAL_SERVER_ERROR', id, http: { status: 500, spec: true } };
    return new GraphQLError(`internal error, id ${id}`, { ...where, extensions });
  };
}

function isForCaller(error: unknown): error is GraphQLError {
  if (!(error instanceof GraphQLError)) return false;
  return error.originalError === undefined || isForCaller(error.originalError);
}
