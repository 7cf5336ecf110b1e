import { readFile } from "node:fs/promises";
import { type Context, Hono } from "hono";
import { type PatchPage, patchesQuery } from "../contract/index.js";
import type { PatchRecord } from "../dataset/index.js";
import { pictureResponse } from "./caching.js";
import type { ServerContext } from "./context.js";
import { type DatasetIndexes, patchFile } from "./datasets/dataset-index.js";
import { galleryPage } from "./datasets/gallery.js";
import { fileVersion } from "./open-slides.js";
import { notFound } from "./problem.js";
import { parameter, queryOf } from "./requests.js";
import type { RunMaskIndexes } from "./runs/run-mask-indexes.js";

/** `GET /datasets/:dataset/patches` and the pictures of patches. */
export function datasetRoutes(context: ServerContext, datasets: DatasetIndexes, runs: RunMaskIndexes): Hono {
  const routes = new Hono();
  const datasetOf = (request: Context) =>
    datasets.open(context.workspace.dataset(parameter(request, "dataset")));

  routes.get("/datasets/:dataset/patches", async (request) => {
    const { run, ...query } = queryOf(request, patchesQuery);
    const masks = run === undefined ? null : await runs.open(context.workspace.run(run));
    const { signal } = request.req.raw;
    const dataset = await datasetOf(request);
    const body: PatchPage = await galleryPage(context.workspace, dataset, masks, query, signal);
    return request.json(body, 200, { "Cache-Control": "no-store" });
  });

  for (const kind of ["image", "mask"] as const) {
    routes.get(`/datasets/:dataset/patches/:patch/${kind}`, async (request) => {
      const dataset = await datasetOf(request);
      const patch = patchOf(dataset.byId, parameter(request, "patch"));
      const path = await patchFile(dataset.directory.root, patch, kind);
      return pngFile(request, path);
    });
  }
  return routes;
}

/** A patch by its id. @throws EpSamError `not-found` */
export function patchOf(byId: ReadonlyMap<string, PatchRecord>, id: string): PatchRecord {
  const patch = byId.get(id);
  if (patch === undefined) throw notFound("there is no such patch", id);
  return patch;
}

/** A PNG file as it is. */
export async function pngFile(request: Context, path: string): Promise<Response> {
  const known = request.req.header("if-none-match");
  return pictureResponse({ known, mediaType: "image/png", tag: await fileVersion(path) }, () =>
    readFile(path),
  );
}
