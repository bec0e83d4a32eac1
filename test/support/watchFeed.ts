import type { Feed } from '../../src/events/feed.js';

export interface WatchedFeed extends Feed {
  /** How many subscribe now. */
  subscribers: number;
  /** Subscribing throws it, as where the database goes away. */
  failure: Error | undefined;
}

/** Counts who subscribes to this feed, which works as before. */
export function watchFeed(feed: Feed): WatchedFeed {
  const subscribe = feed.subscribe.bind(feed);
  const watched: WatchedFeed = Object.assign(feed, {
    subscribers: 0,
    failure: undefined,
    async *subscribe(...asked: Parameters<Feed['subscribe']>) {
      watched.subscribers++;
      try {
        if (watched.failure) throw watched.failure;
        yield* subscribe(...asked);
      } finally {
        watched.subscribers--;
      }
    },
  });
  return watched;
}
