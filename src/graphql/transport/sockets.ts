import { setMaxListeners } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ExecutionArgs, GraphQLError } from 'graphql';
import { handleProtocols, makeServer, type OperationResult, type ServerOptions } from 'graphql-ws';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { LIMITS } from '../../domain/limits.js';
import type { Caller } from '../../domain/principal.js';
import type { Callers } from '../../http/callers.js';
import { refuseUpgrade } from '../../http/refuse.js';
import { TOO_MANY_OPERATIONS, type UnderWay } from '../../http/underWay.js';
import type { Logger } from '../../log.js';
import type { Slices } from '../../primitives/slices.js';
import type { MaskError } from '../faults.js';
import { boundErrors } from '../limits/boundErrors.js';
import { closeInTime } from './closeInTime.js';
import { messageOf, whyNot } from './messageOf.js';
import { LEGACY_PROTOCOL, mayAgree, OTHER_PROTOCOL, refuseLegacy } from './otherProtocols.js';
import type { Yoga } from './yoga.js';

/** A caller that does not answer a ping before the next one is gone. */
const HEARTBEAT_MS = 12_000;

const GOING_AWAY = 1001;
const BAD_MESSAGE = 4400;
const INTERNAL_ERROR = 4500;

interface Extra {
  caller: Caller;
  gone: AbortSignal;
  /** What gives back the place of each operation, by its payload: an id may be used again before all of it has ended. */
  underWay: Map<object, () => void>;
}

function end({ underWay }: Extra, payload: object): void {
  underWay.get(payload)?.();
  underWay.delete(payload);
}

type Run = (args: ExecutionArgs) => OperationResult;
type Executable = ExecutionArgs & { run: { execute: Run; subscribe: Run } };

export interface Sockets {
  /** Takes the connection over; the caller has made sure that it may be. */
  accept(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Resolves when all connections are closed. */
  close(): Promise<void>;
}

export interface SocketsOptions {
  yoga: Yoga;
  maskError: MaskError;
  log: Logger;
  underWay: UnderWay;
  callers: Callers;
  /** In which operations are looked through. */
  slices: Slices;
}

/** GraphQL over WebSocket: graphql-ws' protocol over `ws`, with limits on what one caller may cost. */
export function createSockets(options: SocketsOptions): Sockets {
  const { callers, maskError, log } = options;
  const protocol = makeServer<Record<string, unknown>, Extra>(operations(options));
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: LIMITS.graphqlBodyBytes.value,
    handleProtocols: (offered) => handleProtocols(offered) || (offered.has(LEGACY_PROTOCOL) && LEGACY_PROTOCOL),
    autoPong: false,
  });

  // A handshake that is none; the message says in what.
  server.on('wsClientError', ({ message }, socket, req) =>
    refuseUpgrade(req, socket, {
      status: 400,
      code: 'BAD_HANDSHAKE',
      message,
      fix: 'Connect with a WebSocket client (RFC 6455, version 13).',
    }),
  );
  server.on('connection', (socket, req) => {
    if (socket.protocol === LEGACY_PROTOCOL) return refuseLegacy(socket);
    const gone = new AbortController();
    setMaxListeners(0, gone.signal); // each operation listens
    const stopHeartbeat = heartbeat(socket);
    const wrote = () => {
      if (socket.bufferedAmount <= LIMITS.socketBufferedBytes.value || socket.readyState !== socket.OPEN) return;
      log.warn({ bufferedBytes: socket.bufferedAmount }, 'websocket caller does not read; cut off');
      socket.terminate();
    };
    socket.on('ping', (data) => {
      if (socket.readyState === socket.OPEN) socket.pong(data);
      wrote();
    });
    // What waits for an operation's end keeps nothing of the text that it came in.
    const take = (data: RawData, isBinary: boolean, handOn: (message: string) => Promise<void>): void => {
      if (socket.readyState !== socket.OPEN) return; // what came behind one that ended the talk
      const message = isBinary ? undefined : messageOf((data as Buffer).toString());
      const why = whyNot(message);
      if (message === undefined || why !== undefined) {
        log.debug({ why }, 'websocket caller does not keep to the protocol');
        socket.close(BAD_MESSAGE, why);
        return;
      }
      // graphql-ws takes a message that is parsed, too, though its types do not say so.
      handOn(message as unknown as string).catch((err: unknown) => {
        if (socket.readyState !== socket.OPEN) return;
        maskError(err);
        socket.close(INTERNAL_ERROR, 'internal error');
      });
    };
    socket.on('error', (err) => log.debug({ err }, 'websocket broke'));

    const extra: Extra = { caller: callers.of(req), gone: gone.signal, underWay: new Map() };
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        send: (data) => {
          writeAtOnce(req.socket);
          return send(socket, data, wrote);
        },
        close: (code, reason) => socket.close(code, reason),
        onMessage: (handOn) => socket.on('message', (data, isBinary) => take(data, isBinary, handOn)),
      },
      extra,
    );
    socket.once('close', (code, reason) => {
      stopHeartbeat();
      gone.abort();
      for (const payload of extra.underWay.keys()) end(extra, payload);
      closed(code, String(reason)).catch(maskError);
    });
  });

  return {
    accept(req, socket, head) {
      if (!mayAgree(req)) return refuseUpgrade(req, socket, OTHER_PROTOCOL);
      server.handleUpgrade(req, socket, head, (ws) => server.emit('connection', ws, req));
    },
    async close() {
      await Promise.all(
        [...server.clients].map((socket) => closeInTime(socket, GOING_AWAY, 'the server is going away')),
      );
      server.close();
    },
  };
}

/** How an operation is checked and run; the same as over HTTP. */
function operations({
  yoga,
  maskError,
  underWay,
  slices,
}: SocketsOptions): ServerOptions<Record<string, unknown>, Extra> {
  return {
    async onSubscribe({ extra, subscriptions }, _id, params) {
      // The new one is counted already.
      if (Object.keys(subscriptions).length > LIMITS.operationsPerSocket.value)
        return [tooMany('on this connection', 'Complete some, or open another connection.')];
      const free = underWay.operations.take(extra.caller.address);
      if (!free) return [tooMany('of your address', TOO_MANY_OPERATIONS.fix)];
      extra.underWay.set(params, free);
      await slices.turn(extra.caller.address);
      try {
        const { schema, parse, validate, contextFactory, execute, subscribe } = yoga.getEnveloped({
          caller: extra.caller,
          gone: extra.gone,
          params,
        });
        const document = parse(params.query);
        const errors = validate(schema, document) as GraphQLError[];
        if (errors.length > 0) return errors;
        const contextValue = await contextFactory();
        const { operationName, variables: variableValues } = params;
        const args: Executable = {
          schema,
          document,
          contextValue,
          operationName,
          variableValues,
          run: { execute, subscribe },
        };
        return args;
      } catch (err) {
        return [maskError(err)];
      }
    },
    execute: (args) => (args as Executable).run.execute(args),
    subscribe: (args) => (args as Executable).run.subscribe(args),
    onError({ extra }, _id, payload, errors) {
      end(extra, payload);
      return boundErrors(errors.map(maskError)).map((error) => error.toJSON());
    },
    onComplete: ({ extra }, _id, payload) => end(extra, payload),
  };
}

function tooMany(where: string, fix: string): GraphQLError {
  const extensions = { code: TOO_MANY_OPERATIONS.code, fix };
  return new GraphQLError(`too many operations are under way ${where}`, { extensions });
}

/** What is sent in one turn of the process goes out in one write: an event may be told to each of a hundred operations. */
function writeAtOnce(connection: Duplex): void {
  if (connection.writableCorked > 0 || connection.destroyed) return;
  connection.cork();
  setImmediate(() => connection.uncork());
}

/** Resolves when the data was handed to the network, so that an operation makes no more than its caller takes. */
function send(socket: WebSocket, data: string, wrote: () => void): Promise<void> {
  if (socket.readyState !== socket.OPEN) return Promise.resolve();
  // An error here means that the connection is over; its end is told by 'close'.
  const sent = new Promise<void>((resolve) => socket.send(data, () => resolve()));
  wrote();
  return sent;
}

function heartbeat(socket: WebSocket): () => void {
  let answered = true;
  socket.on('pong', () => {
    answered = true;
  });
  const timer = setInterval(() => {
    if (!answered) return socket.terminate();
    answered = false;
    socket.ping();
  }, HEARTBEAT_MS);
  return () => clearInterval(timer);
}
