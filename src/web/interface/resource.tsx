import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import type * as z from "zod/mini";
import type { Problem } from "../../contract/index.js";
import { isAbort, problemOf, requestJson } from "../api/index.js";
import { Button } from "./button.js";
import { ProblemNote } from "./problem-note.js";

/** Something that the server was asked for. */
export type Loaded<Value> =
  | { readonly state: "loading" }
  | { readonly state: "ready"; readonly value: Value }
  | { readonly state: "failed"; readonly problem: Problem };

/**
 * Asks the server for something whenever the path changes; null asks for nothing.
 * @param revision another one asks again for the same, which stays in view until the new is there
 * @returns what came, and the function that asks again
 */
export function useResource<Schema extends z.core.$ZodType>(
  schema: Schema,
  path: string | null,
  revision = 0,
): readonly [loaded: Loaded<z.output<Schema>>, again: () => void] {
  const [loaded, setLoaded] = useState<Loaded<z.output<Schema>> & { readonly path?: string | null }>({
    state: "loading",
  });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (path === null) return undefined;
    const controller = new AbortController();
    requestJson(schema, path, { signal: controller.signal }).then(
      (value) => setLoaded({ state: "ready", value, path }),
      (cause: unknown) => {
        if (!isAbort(cause)) setLoaded({ state: "failed", problem: problemOf(cause), path });
      },
    );
    return () => controller.abort();
  }, [schema, path, attempt, revision]);
  const current = loaded.path === path ? loaded : ({ state: "loading" } as const);
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
