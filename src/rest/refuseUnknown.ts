import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { refuseText } from '../actions/input.js';
import { matchesRoute } from '../answers/matchesRoute.js';
import { answerAsNamed, problem } from '../answers/refusals.js';
import { InvalidInput } from '../domain/errors.js';
import { knownHere } from './parameters.js';

interface Route {
  method: string;
  /** As Hono writes it. */
  path: string;
  parameters: readonly string[];
  takesJson: boolean;
}

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json$/i;

/**
 * Refuses what the OpenAPI document does not name for a route: parameters in the query, also one that comes twice, and other bodies
 * than JSON where it wants JSON. And values that nothing here can be called by. A guard that is spelled wrong ("assignedTo") and passed over would guard nothing.
 */
export function refuseUnknown(app: OpenAPIHono): MiddlewareHandler {
  let routes: readonly Route[] | undefined;
  return async (c, next) => {
    routes ??= routesOf(app); // the routes are added after this
    const method = c.req.method === 'HEAD' ? 'GET' : c.req.method;
    const route = routes.find((one) => one.method === method && matchesRoute(one.path, c.req.path));
    return (route && (wrongParameter(c, route) ?? otherBody(c, route))) ?? next();
  };
}

function routesOf(app: OpenAPIHono): Route[] {
  return app.openAPIRegistry.definitions.flatMap((definition) => {
    if (definition.type !== 'route') return [];
    const { method, path, request } = definition.route;
    const query = request?.query;
    return {
      method: method.toUpperCase(),
      path: path.replace(/\{path\}$/, '*').replaceAll(/\{(\w+)\}/g, ':$1'),
      parameters: query && 'shape' in query ? Object.keys(query.shape) : [],
      takesJson: request?.body?.content['application/json'] !== undefined,
    };
  });
}

function wrongParameter(c: Context, { parameters }: Route): Response | undefined {
  const given = new URL(c.req.url).searchParams;
  for (const name of given.keys()) {
    const values = given.getAll(name);
    const isKnown = parameters.includes(name);
    if (isKnown && values.length === 1) {
      const refusal = refuseText(name, values[0] ?? '');
      if (refusal) return answerAsNamed(c, refusal);
      continue;
    }
    const known = parameters.length === 0 ? 'This route has no parameters in its query.' : knownHere(parameters);
    return answerAsNamed(c, new InvalidInput(name, values.join(', '), isKnown ? 'Give this parameter once.' : known));
  }
  return undefined;
}

function otherBody(c: Context, { takesJson }: Route): Response | undefined {
  if (!takesJson) return undefined;
  const given = c.req.header('content-type');
  if (JSON_TYPE.test(given?.split(';')[0]?.trim() ?? '')) return undefined;
  const came = given === undefined ? 'has no Content-Type' : `has the Content-Type ${JSON.stringify(given)}`;
  const fix = 'Send JSON, with the header Content-Type: application/json.';
  return c.json(problem('MALFORMED', `the body ${came}, not application/json`, fix), 415);
}
