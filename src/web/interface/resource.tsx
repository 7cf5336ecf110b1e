import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import type { Problem } from "../../contract/index.js";
import { isAbort, problemOf } from "../api/index.js";
import { Button } from "./button.js";
import { ProblemNote } from "./problem-note.js";

/** Something that the server was asked for. */
export type Loaded<Value> =
  | { readonly state: "loading" }
  | { readonly state: "ready"; readonly value: Value }
  | { readonly state: "failed"; readonly problem: Problem };

/**
 * Asks for something whenever the key changes; null asks for nothing.
 * @param revision another one asks again for the same, which stays in view until the new is there
 * @returns what came, and the function that asks again
 */
export function useResource<Value>(
  key: string | null,
  load: (key: string, signal: AbortSignal) => Promise<Value>,
  revision = 0,
): readonly [loaded: Loaded<Value>, again: () => void] {
  const [loaded, setLoaded] = useState<Loaded<Value> & { readonly key?: string | null }>({
    state: "loading",
  });
  const [attempt, setAttempt] = useState(0);
  // biome would have `load` named too, but callers write it inline and mean the key.
  const request = useCallback(load, [key]);
  useEffect(() => {
    if (key === null) return undefined;
    const controller = new AbortController();
    request(key, controller.signal).then(
      (value) => setLoaded({ state: "ready", value, key }),
      (cause: unknown) => {
        if (!isAbort(cause)) setLoaded({ state: "failed", problem: problemOf(cause), key });
      },
    );
    return () => controller.abort();
  }, [key, request, attempt, revision]);
  const current = loaded.key === key ? loaded : ({ state: "loading" } as const);
  return [current, useCallback(() => setAttempt((count) => count + 1), [])];
}

/** Shows what was asked for, or that it is on its way, or why it did not come. */
export function Resource<Value>({
  loaded,
  again,
  what,
  children,
}: {
  readonly loaded: Loaded<Value>;
  readonly again: () => void;
  /** What it is, for "Loading …". */
  readonly what: string;
  readonly children: (value: Value) => ComponentChildren;
}) {
  if (loaded.state === "ready") return <>{children(loaded.value)}</>;
  if (loaded.state === "loading") return <p class="loading">Loading {what} …</p>;
  return (
    <div class="failed">
      <ProblemNote problem={loaded.problem} />
      <Button onClick={again}>Try again</Button>
    </div>
  );
}
