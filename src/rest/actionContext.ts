import type { Context } from 'hono';
import type { ActionContext } from '../actions/context.js';

/** What this request works with: `createRest` has put it there. */
export function actionContext(c: Context): ActionContext {
  const { context } = c.env as { context?: ActionContext };
  if (context === undefined) throw new Error('a request is answered that nobody has looked at');
  return context;
}
