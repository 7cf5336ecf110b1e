import { EpSamError } from "./errors.js";

/**
 * What a map holds for a key, or a list at an index, where it has to be.
 * @param what it is, for the message
 * @throws EpSamError `internal` when it is missing: a bug, which no empty text and no zero may hide
 */
export function must<Key, Value>(
  entries: { get(key: Key): Value | undefined },
  key: Key,
  what?: string,
): Value;
export function must<Value>(entries: ArrayLike<Value>, key: number, what?: string): Value;
export function must<Value>(
  entries: { get(key: unknown): Value | undefined } | ArrayLike<Value>,
  key: unknown,
  what = "entry",
): Value {
  const value = "get" in entries ? entries.get(key) : entries[Number(key)];
  if (value !== undefined) return value;
  const where = typeof key === "object" ? undefined : String(key);
  throw new EpSamError("internal", { what: `there is no ${what}`, where });
}
