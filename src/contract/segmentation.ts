import * as z from "zod/mini";
import { areaSchema, boxSchema } from "./geometry.js";
import { identifier, list } from "./values.js";

const text = z.string();
const number = z.number();

/** `GET /api/segmenters`: decoders that points and boxes can prompt. */
const segmenterEntry = z.object({
  id: text,
  title: text,
  /** Run and stage; null for SAM as it was trained by its makers. */
  run: z.nullable(text),
  stage: text,
  /** Side of a patch in pixels, and their size in microns (null: unknown, patches are read at level 0). */
  patchSize: number,
  patchMpp: z.nullable(number),
});
export const segmentersSchema = list(segmenterEntry);
export type SegmenterEntry = z.infer<typeof segmenterEntry>;

/** `POST /api/slides/:slide/embeddings`: computes SAM's embedding of one patch, once. */
export const embeddingRequestSchema = z.strictObject({
  segmenter: identifier,
  /** Centre of the patch in level-0 pixels. */
  centre: z.strictObject({ x: number, y: number }),
  /** Side of the patch in level-0 pixels; the segmenter's own when left out. */
  side: z.optional(number.check(z.positive())),
});
export type EmbeddingRequest = z.infer<typeof embeddingRequestSchema>;

export const embeddingEntrySchema = z.object({
  /** Its bytes: `GET /api/embeddings/:id`, float32 little endian [1, 256, 64, 64]. */
  id: text,
  /** The level-0 pixels that the patch covers. */
  box: boxSchema,
  /** Side of the patch in pixels: coordinates of points are in this frame. */
  patchSize: number,
  /**
   * Whether the run's own map of the patch answers points: `GET /api/embeddings/:id/map`, logits as float32 little endian
   * [256, 256], see `clickedRegion`. Its embedding, for boxes, is computed when it is asked for.
   */
  hasMap: z.boolean(),
});
export type EmbeddingEntry = z.infer<typeof embeddingEntrySchema>;

const patchCoordinate = number.check(z.gte(-1e5), z.lte(1e5));

/** A click in patch pixels: 1 for foreground, 0 for background. */
const promptPoint = z.strictObject({
  space: z.literal("patch"),
  x: patchCoordinate,
  y: patchCoordinate,
  label: z.literal([0, 1]),
});
export type PromptPoint = z.infer<typeof promptPoint>;

/** A box in patch pixels, its corners. */
const promptBox = z.strictObject({
  space: z.literal("patch"),
  left: patchCoordinate,
  top: patchCoordinate,
  right: patchCoordinate,
  bottom: patchCoordinate,
});
export type PromptBox = z.infer<typeof promptBox>;

/** Points of one prompt; people set a few. */
const MOST_POINTS = 256;

/**
 * The decoder as ONNX: `GET /api/segmenters/:id/decoder`. Inputs `image_embedding` [1, 256, 64, 64],
 * `point_coordinates` [1, points, 2] in patch pixels, `point_labels` [1, points] (1 foreground, 0 background, 2 and 3
 * the corners of a box, -1 padding); outputs `logits` [1, 256, 256], which cover the whole
 * patch, above 0 for foreground, and `estimated_iou` [1, 1].
 * `POST /api/embeddings/:id/mask` decodes on the server instead and answers the same logits as a mask.
 */
export const decodeRequestSchema = z.strictObject({
  points: z.readonly(z.array(promptPoint).check(z.maxLength(MOST_POINTS))),
  box: z.nullable(promptBox),
});
export type DecodeRequest = z.infer<typeof decodeRequestSchema>;

/**
 * The mask as an area of the slide, outlines through the middles of pixel edges, with SAM's own estimate, or the mean
 * probability where a run's map answers.
 */
export const decodedMaskSchema = z.object({ area: areaSchema, estimatedIou: number });
export type DecodedMask = z.infer<typeof decodedMaskSchema>;
