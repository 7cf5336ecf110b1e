import { type Context, Hono } from "hono";
import {
  type SlideDetail,
  type SlidePatch,
  type SlideResults,
  slidePatchesQuery,
} from "../contract/index.js";
import { nameKey } from "../dataset/index.js";
import type { ServerContext } from "./context.js";
import type { DatasetIndexes } from "./datasets/dataset-index.js";
import { patchGrid } from "./datasets/patch-grid.js";
import { slidesOfDataset } from "./datasets/slides-of-dataset.js";
import type { SlideLayers } from "./layers/slide-layers.js";
import { notFound } from "./problem.js";
import { parameter, queryOf } from "./requests.js";
import { findResults } from "./results/find-results.js";
import { readSlideResults } from "./results/slide-results.js";
import { slideDetail } from "./slides/slide-entry.js";
import type { WorkspaceSlide } from "./workspace/workspace.js";

const NOT_STORED = { "Cache-Control": "no-store" };

/** `GET /slides/:slide`, its results and its patch grid. */
export function slideRoutes(context: ServerContext, layers: SlideLayers, datasets: DatasetIndexes): Hono {
  const routes = new Hono();
  const slideOf = (request: Context): WorkspaceSlide => context.workspace.slide(parameter(request, "slide"));

  routes.get("/slides/:slide", async (request) => {
    const { signal } = request.req.raw;
    const body: SlideDetail = await slideDetail(context, slideOf(request), { layers, datasets }, signal);
    return request.json(body, 200, NOT_STORED);
  });

  routes.get("/slides/:slide/results", async (request) => {
    const slide = slideOf(request);
    const body: SlideResults = await context.openSlides.use(
      slide.path,
      async ({ levels, micronsPerPixel }) => {
        const [full] = levels;
        const [newest] = full === undefined ? [] : await findResults(context.workspace, slide, full);
        if (newest === undefined)
          throw notFound("no results of a run are at hand for this slide", slide.name);
        return readSlideResults(newest, micronsPerPixel);
      },
    );
    return request.json(body, 200, NOT_STORED);
  });

  routes.get("/slides/:slide/patches", async (request) => {
    const slide = slideOf(request);
    const { dataset } = queryOf(request, slidePatchesQuery);
    const index = await datasets.open(context.workspace.dataset(dataset));
    const own = (await slidesOfDataset(context.workspace, index)).get(nameKey(slide.stem));
    const body: SlidePatch[] =
      own?.id === slide.id
        ? await context.openSlides.use(slide.path, async (source) => patchGrid(index, slide.stem, source))
        : [];
    return request.json(body, 200, NOT_STORED);
  });
  return routes;
}
