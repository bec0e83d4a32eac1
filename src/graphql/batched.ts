/**
 * Answers by key, and reads all keys that are asked for in the same turn with one call: a page of 100 rows costs one query more,
 * not a hundred. Remembers nothing, so a subscription that lives for days sees each read's own state.
 */
export function batched<Value>(
  readMany: (keys: string[]) => Promise<ReadonlyMap<string, Value>>,
): (key: string) => Promise<Value | undefined> {
  let next: { keys: Set<string>; values: Promise<ReadonlyMap<string, Value>> } | undefined;
  return async (key) => {
    if (next === undefined) {
      const keys = new Set<string>();
      const turn = new Promise<void>((resolve) => setImmediate(resolve));
      next = {
        keys,
        values: turn.then(() => {
          next = undefined;
          return readMany([...keys]);
        }),
      };
    }
    next.keys.add(key);
    return (await next.values).get(key);
  };
}
