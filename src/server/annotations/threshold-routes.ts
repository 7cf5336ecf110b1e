import { Hono } from "hono";
import type { AnnotationSet } from "../../annotations/index.js";
import {
  type AnnotationEdit,
  importQuery,
  outlinesRequestSchema,
  thresholdsQuery,
} from "../../contract/index.js";
import type { ServerContext } from "../context.js";
import type { Layer } from "../layers/layer.js";
import type { SlideLayers } from "../layers/slide-layers.js";
import { notFound } from "../problem.js";
import { jsonBody, jsonResponse, parameter, queryOf } from "../requests.js";
import { outlinesAt } from "../thresholds/outlines.js";
import { ThresholdFigures } from "../thresholds/thresholds.js";
import type { WorkspaceSlide } from "../workspace/workspace.js";

/**
 * What a map of fractions would call tumour at each threshold, and its outlines at one.
 * @param bringIn saves outlines as one edit and answers as an import
 */
export function thresholdRoutes(
  context: ServerContext,
  layers: SlideLayers,
  bringIn: (
    slide: WorkspaceSlide,
    edit: Omit<AnnotationEdit, "changes">,
    set: AnnotationSet,
  ) => Promise<Response>,
): Hono {
  const figures = new ThresholdFigures(context, layers);
  const routes = new Hono();
  const mapOf = async (slide: WorkspaceSlide, id: string, signal: AbortSignal): Promise<Layer> => {
    const layer = await layers.layer(slide, id, signal);
    if (layer === undefined || layer.entry.values !== "fraction") {
      throw notFound("there is no such map of fractions", id);
    }
    return layer;
  };
  routes.get("/slides/:slide/layers/:layer/thresholds", async (request) => {
    const slide = context.workspace.slide(parameter(request, "slide"));
    const { minimumPixels } = queryOf(request, thresholdsQuery);
    const { signal } = request.req.raw;
    const layer = await mapOf(slide, parameter(request, "layer"), signal);
    const answer = jsonResponse(await figures.of(slide, layer, minimumPixels, signal));
    answer.headers.set("Cache-Control", "no-store");
    return answer;
  });
  routes.post("/slides/:slide/annotations/outlines", async (request) => {
    const slide = context.workspace.slide(parameter(request, "slide"));
    const by = queryOf(request, importQuery);
    const wanted = await jsonBody(request, outlinesRequestSchema);
    const { signal } = request.req.raw;
    const layer = await mapOf(slide, wanted.layer, signal);
    const set = await context.background.run(signal, () => outlinesAt(layer, wanted, signal));
    return bringIn(slide, { ...by, title: `Outlines at ${(wanted.threshold / 255).toFixed(2)}` }, set);
  });
  return routes;
}
