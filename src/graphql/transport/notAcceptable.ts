import type { Plugin } from 'graphql-yoga';

const ERROR = {
  message: 'this can be answered in none of the types that Accept names',
  extensions: {
    code: 'NOT_ACCEPTABLE',
    fix: 'Accept application/json or application/graphql-response+json; for a subscription text/event-stream (graphql-sse), or subscribe by WebSocket (graphql-ws).',
  },
};

/** Says what an answer with 406 is about; Yoga leaves it empty, and Apollo's HttpLink, which asks for multipart/mixed, has nothing to show then. */
export function useNotAcceptable(): Plugin {
  return {
    onResponse({ response, setResponse, fetchAPI }) {
      if (response.status !== 406) return;
      const headers = { 'Content-Type': 'application/json; charset=utf-8' };
      setResponse(new fetchAPI.Response(JSON.stringify({ errors: [ERROR] }), { status: 406, headers }));
    },
  };
}
