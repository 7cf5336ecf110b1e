import type { AnnotationSet } from "../../annotations/index.js";
import type { OutlinesRequest } from "../../contract/index.js";
import { annotationsOfFoci, rasterOf, traceFoci } from "../../inference/index.js";
import type { Layer } from "../layers/layer.js";
import { wholeLevel } from "./whole-level.js";

/** Pixels that are outlined: 64 MiB of memory. */
const MOST_PIXELS = 2 ** 26;

/**
 * The outlines of what a map calls tumour at a threshold. The same outlines of the same map have the same ids.
 * @returns with a warning that says at which resolution, where the map's own is too fine
 * @throws what reading throws
 */
export async function outlinesAt(
  layer: Layer,
  { threshold, minimumPixels }: Pick<OutlinesRequest, "threshold" | "minimumPixels">,
  signal: AbortSignal,
): Promise<AnnotationSet> {
  const { image, level, isFinest } = await wholeLevel(layer, MOST_PIXELS, signal);
  const raster = rasterOf(image, level.downsample);
  const options = {
    micronsPerPixel: null,
    threshold,
    minimumArea: minimumPixels,
    probability: raster,
    signal,
  };
  const foci = await traceFoci(raster, options);
  const named = (threshold / 255).toFixed(2);
  const annotations = annotationsOfFoci(foci, {
    identity: { run: layer.entry.origin, slide: layer.entry.id },
  }).map((annotation) => ({ ...annotation, name: `${annotation.name} at ${named}` }));
  const scale = Number(level.downsample.toPrecision(3));
  const warnings = isFinest ? [] : [`Outlined at 1:${scale} of the slide: the map's own pixels are too many`];
  return { path: layer.entry.title, format: "geojson", annotations, groups: [], origin: null, warnings };
}
