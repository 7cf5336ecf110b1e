import * as z from "zod/mini";
import { list } from "./values.js";

/** Square level-0 pixels below which a focus is not counted, and makes no outline. */
const minimumPixels = z.number().check(z.gte(0));

/** Query of `GET /api/slides/:slide/layers/:layer/thresholds`. */
export const thresholdsQuery = z.object({
  minimumPixels: z._default(z.coerce.number().check(z.gte(0)), 0),
});

/** A count for each threshold from 0 to 255: of what has at least that grey level. */
const counts = list(z.number()).check(z.length(256));

/** What is known of the slide's tumour, beside a map of it. */
const thresholdTruthSchema = z.object({
  /** The annotation file, or what was accepted or drawn in the page. */
  kind: z.enum(["ground-truth", "corrections"]),
  origin: z.string(),
  /** Pixels of tumour, and pixels without; what nobody knows is in neither. */
  tumour: counts,
  other: counts,
});
export type ThresholdTruth = z.infer<typeof thresholdTruthSchema>;

/**
 * What a map of fractions would call tumour at each threshold, over the whole slide: the answer to `GET
 * /api/slides/:slide/layers/:layer/thresholds`. Large maps are looked at on a coarser level, which it names.
 */
export const thresholdsSchema = z.object({
  /** Level-0 pixels per pixel that was counted. */
  downsample: z.number(),
  /** Whether that is the map's own resolution, in which nothing is averaged. */
  isFinest: z.boolean(),
  pixels: counts,
  /** Connected areas, pixels that touch at a corner included. */
  foci: counts,
  truths: list(thresholdTruthSchema),
  /** Why an annotation that is there could not be compared with. */
  warnings: list(z.string()),
});
export type Thresholds = z.infer<typeof thresholdsSchema>;

/**
 * `POST /api/slides/:slide/annotations/outlines?revision=N`: keeps the outlines of a map at a threshold as `unreviewed`
 * objects, as one edit; answered as an import is.
 */
export const outlinesRequestSchema = z.strictObject({
  layer: z.string(),
  /** Grey level from which on there is tumour. */
  threshold: z.int().check(z.gte(1), z.lte(255)),
  minimumPixels,
});
export type OutlinesRequest = z.infer<typeof outlinesRequestSchema>;
