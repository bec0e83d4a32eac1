import { type Message, MessageType, parseMessage } from 'graphql-ws';
import { LIMITS } from '../../domain/limits.js';

/** The others are a server's to send. */
const FROM_CLIENTS: readonly MessageType[] = [
  MessageType.ConnectionInit,
  MessageType.Ping,
  MessageType.Pong,
  MessageType.Subscribe,
  MessageType.Complete,
];

/** Why a client is cut off for what it sent. */
export function whyNot(message: Message | undefined): string | undefined {
  if (message === undefined)
    return 'send text messages of the graphql-transport-ws protocol, of kinds that clients send';
  if (message.type !== MessageType.Subscribe || message.id.length <= LIMITS.operationIdCharacters.value)
    return undefined;
  return `give operations ids of at most ${LIMITS.operationIdCharacters.value} characters`;
}

/** Undefined: it is none that clients send. */
export function messageOf(text: string): Message | undefined {
  try {
    const message = parseMessage(text);
    // Its payload would be kept as long as the socket lives, and nobody reads it.
    if (message.type === MessageType.ConnectionInit) return { type: message.type };
    return FROM_CLIENTS.includes(message.type) ? message : undefined;
  } catch {
    return undefined;
  }
}
