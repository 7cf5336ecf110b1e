import { readFile } from "node:fs/promises";
import { type Context, Hono } from "hono";
import { EpSamError } from "../common/index.js";
import { type UncertainPage, uncertainQuery } from "../contract/index.js";
import { CONTENT_SECURITY_POLICY } from "../report/index.js";
import { RunDirectory } from "../run/index.js";
import { ownedBytes } from "./caching.js";
import type { ServerContext } from "./context.js";
import { patchOf, pngFile } from "./dataset-routes.js";
import type { DatasetIndexes, IndexedDataset } from "./datasets/dataset-index.js";
import { uncertainPatches } from "./datasets/gallery.js";
import { parameter, queryOf } from "./requests.js";
import { datasetOf, REPORT_FILE } from "./runs/run-entry.js";
import type { RunMaskIndexes } from "./runs/run-mask-indexes.js";
import { fileInside } from "./workspace/inside-root.js";
import type { WorkspaceDirectory } from "./workspace/workspace.js";

/** The report's own policy; whatever it held, it could run no script, and only our page may frame it. */
const REPORT_POLICY = `${CONTENT_SECURITY_POLICY}; sandbox allow-popups; frame-ancestors 'self'; base-uri 'none'; form-action 'none'`;

/** `GET /runs/:run/report`, masks of patches, and the most uncertain patches. */
export function runRoutes(context: ServerContext, datasets: DatasetIndexes, runs: RunMaskIndexes): Hono {
  const routes = new Hono();
  const runOf = (request: Context): WorkspaceDirectory => context.workspace.run(parameter(request, "run"));

  routes.get("/runs/:run/report", async (request) => {
    const bytes = await readFile(await fileInside(runOf(request).root, REPORT_FILE));
    const headers = {
      "Content-Type": "text/html; charset=utf-8",
      "Cache-Control": "no-cache",
      "Content-Security-Policy": REPORT_POLICY,
    };
    return new Response(ownedBytes(bytes), { headers });
  });

  routes.get("/runs/:run/patches/:patch/masks/:stage", async (request) => {
    const run = runOf(request);
    const patch = patchOf((await requireDataset(run)).byId, parameter(request, "patch"));
    const masks = await runs.open(run);
    return pngFile(request, await masks.maskFile(patch.id, patch.split, parameter(request, "stage")));
  });

  routes.get("/runs/:run/uncertain", async (request) => {
    const run = runOf(request);
    const { limit } = queryOf(request, uncertainQuery);
    const [dataset, masks] = [await requireDataset(run), await runs.open(run)];
    const { signal } = request.req.raw;
    const body: UncertainPage = await uncertainPatches(context.workspace, dataset, masks, limit, signal);
    return request.json(body, 200, { "Cache-Control": "no-store" });
  });
  return routes;

  async function requireDataset(run: WorkspaceDirectory): Promise<IndexedDataset> {
    const opened = await Promise.allSettled(context.workspace.datasets.map((entry) => datasets.open(entry)));
    const indexed = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const dataset = await datasetOf(await RunDirectory.open(run.root), indexed);
    if (dataset !== undefined) return dataset;
    throw new EpSamError("not-found", {
      where: run.name,
      what: "the dataset of this run is not in the workspace",
      action: "Give its directory to `epsam view` as well.",
    });
  }
}
