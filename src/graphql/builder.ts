import SchemaBuilder from '@pothos/core';
import ComplexityPlugin from '@pothos/plugin-complexity';
import RelayPlugin from '@pothos/plugin-relay';
import { PRICES } from '../domain/prices.js';
import type { Context } from './context.js';
import { decodeNodeId, encodeNodeId } from './nodeId.js';

/** The fields of a page are free: the connection field itself says how many rows it may cost. */
const oneEach = { field: 1, multiplier: 1 };

/** The one builder; every file of this folder adds its types to it, and schema.ts builds the schema. */
export const builder = new SchemaBuilder<{
  Context: Context;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: false;
  DefaultNodeNullability: false;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date };
    Cursor: { Input: bigint; Output: bigint };
    ByteCount: { Input: bigint; Output: bigint };
    JSON: { Input: unknown; Output: unknown };
  };
}>({
  plugins: [ComplexityPlugin, RelayPlugin],
  defaultFieldNullability: false,
  // Prices are added up before execution, in priceOf.ts: the plugin's own check is too late for a subscription.
  complexity: { defaultComplexity: PRICES.value.points, defaultListMultiplier: 10, disabled: true },
  relay: {
    encodeGlobalID: (typename, id) => encodeNodeId(typename, String(id)),
    decodeGlobalID: decodeNodeId,
    idFieldOptions: {
      description: 'Identifies this object among all objects of the API. Opaque; give it back as it is.',
    },
    nodeTypeOptions: { description: 'Anything that can be read again by its id.' },
    nodeQueryOptions: {
      complexity: PRICES.read.points,
      description: 'The object with this id, or null when there is none.',
      args: {
        id: { description: 'The `id` of an object, as this API returned it. A bare UUID does not say what it is of.' },
      },
    },
    nodesQueryOptions: {
      complexity: ({ ids }) => ({ field: PRICES.read.points, multiplier: ids.length }),
      description: 'The objects with these ids, in their order, null where there is none.',
      args: { ids: { description: 'The `id` of each object, as this API returned it.' } },
    },
    pageInfoTypeOptions: { description: 'Where a page lies in its list.' },
    hasNextPageFieldOptions: { description: 'Whether there is more after this page.' },
    hasPreviousPageFieldOptions: { description: 'Whether there is something before this page.' },
    startCursorFieldOptions: { description: 'Cursor of the first item of this page; null when it is empty.' },
    endCursorFieldOptions: {
      description: 'Cursor of the last item; give it as `after` to get the next page. Null when the page is empty.',
    },
    pageInfoFieldOptions: { description: 'Where this page lies in the list.' },
    edgesFieldOptions: { nullable: false, description: 'The items with their cursors.', complexity: oneEach },
    nodesOnConnection: { description: 'The items without their cursors.', complexity: oneEach },
    nodeFieldOptions: { nullable: false, description: 'The item.' },
    cursorFieldOptions: { description: 'Where the item lies in the list; give it as `after` to go on from here.' },
    defaultConnectionTypeOptions: { description: 'One page of a list.' },
    defaultEdgeTypeOptions: { description: 'One item of a list, with its cursor.' },
  },
});

builder.queryType({ description: 'Reads. Nothing here changes anything.' });
builder.mutationType({
  description:
    'Changes. Each answers a union of its payload and the refusals to expect; every refusal has `code`, `message` and `fix`.',
});
builder.subscriptionType({ description: 'What happens, as it happens: over WebSocket (graphql-transport-ws) or SSE.' });
