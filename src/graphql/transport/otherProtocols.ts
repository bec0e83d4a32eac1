import type { IncomingMessage } from 'node:http';
import { CloseCode, DEPRECATED_GRAPHQL_WS_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL } from 'graphql-ws';
import type { WebSocket } from 'ws';
import type { EdgeRefusal } from '../../http/refuse.js';
import { closeInTime } from './closeInTime.js';

/** Of subscriptions-transport-ws, which its makers gave up; not the protocol of the library graphql-ws. */
export const LEGACY_PROTOCOL = DEPRECATED_GRAPHQL_WS_PROTOCOL;

export const OTHER_PROTOCOL: EdgeRefusal = {
  status: 400,
  code: 'SUBPROTOCOL_NOT_SUPPORTED',
  message: 'none of the WebSocket subprotocols that are offered is spoken here',
  fix: `Offer ${GRAPHQL_TRANSPORT_WS_PROTOCOL} (the library graphql-ws, and Apollo's GraphQLWsLink).`,
};

/** Whether there is something to say to this client in a protocol of its own. One that names none is told by a close code. */
export function mayAgree({ headers }: IncomingMessage): boolean {
  const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim());
  return (
    offered === undefined || [GRAPHQL_TRANSPORT_WS_PROTOCOL, LEGACY_PROTOCOL].some((name) => offered.includes(name))
  );
}

/** Tells a client of the old protocol what to speak, in that protocol. */
export function refuseLegacy(socket: WebSocket): void {
  socket.on('error', () => {}); // whatever it still sends, it was told
  const message = `the subprotocol ${LEGACY_PROTOCOL} (subscriptions-transport-ws) is not spoken here`;
  const { code, fix } = OTHER_PROTOCOL;
  socket.send(JSON.stringify({ type: 'connection_error', payload: { message: `${message}. ${fix}`, code, fix } }));
  void closeInTime(socket, CloseCode.SubprotocolNotAcceptable, 'Subprotocol not acceptable');
}
