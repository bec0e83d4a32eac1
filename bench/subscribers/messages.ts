/** What the processes of the subscriber benchmark tell each other. Sequence numbers are text: JSON has no bigint. */

/** When a subscriber had an event in its hands, or when an event was sent. */
export type Moment = [seq: string, atMs: number];

export type ToListener =
  /** Follow with graphql-ws, one connection a subscription; `variables` of each. */
  | { do: 'follow'; url: string; query: string; variables: Record<string, unknown>[] }
  /** Open so many bare sockets. */
  | { do: 'listen'; url: string; count: number }
  /** Tell what came in since the last time. */
  | { do: 'tell' };
export type FromListener = { open: true } | { moments: Moment[]; reached: number };

/** `to`: the socket's number, or all of them. */
export type ToBroadcaster = { do: 'send'; seq: string; text: string; to: number | 'all' } | { do: 'tell' };
export type FromBroadcaster = { port: number } | { moments: Moment[] };

/** Milliseconds of the machine's clock, the same in every process to a fraction of one. */
export function clock(): number {
  return performance.timeOrigin + performance.now();
}
