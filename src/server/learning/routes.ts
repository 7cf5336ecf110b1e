import { realpath } from "node:fs/promises";
import { Hono } from "hono";
import { exists } from "../../common/index.js";
import type { RunComparison } from "../../contract/index.js";
import { compareWithOrigin, RunDirectory } from "../../run/index.js";
import type { ServerContext } from "../context.js";
import { parameter } from "../requests.js";

/** `GET /runs/:run/comparison`: figures of a run that was trained again; null for other runs. */
export function learningRoutes({ workspace }: ServerContext): Hono {
  const routes = new Hono();
  routes.get("/runs/:run/comparison", async (request) => {
    const entry = workspace.run(parameter(request, "run"));
    const run = await RunDirectory.open(entry.root);
    const comparison = await compareWithOrigin(run);
    const root = run.record.retraining?.from.root;
    const before = root === undefined ? undefined : await runAt(root);
    const body: RunComparison | null =
      comparison === null
        ? null
        : {
            before: `${before ?? "its origin"}, ${words(comparison.before)}`,
            after: `${workspace.labelOf(entry)}, ${words(comparison.after)}`,
            patches: comparison.patches,
            figures: comparison.figures,
          };
    return request.json(body, 200, { "Cache-Control": "no-store" });
  });
  return routes;

  /** Name of a run of the workspace; folders are not told. */
  async function runAt(root: string): Promise<string | undefined> {
    if (!(await exists(root))) return undefined;
    const path = await realpath(root);
    const known = workspace.runs.find((run) => run.root === path);
    return known === undefined ? undefined : workspace.labelOf(known);
  }
}

/** A stage's name for people. */
function words(stage: string): string {
  return stage.replaceAll("-", " ");
}
