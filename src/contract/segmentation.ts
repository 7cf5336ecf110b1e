import type { Area, Box } from "./geometry.js";

/** `GET /api/segmenters`: decoders that points and boxes can prompt. */
export interface SegmenterEntry {
  readonly id: string;
  readonly title: string;
  /** Run and stage; null for SAM as it was trained by its makers. */
  readonly run: string | null;
  readonly stage: string;
  /** Side of a patch in pixels, and their size in microns (null: unknown, patches are read at level 0). */
  readonly patchSize: number;
  readonly patchMpp: number | null;
}

/** `POST /api/slides/:slide/embeddings`: computes SAM's embedding of one patch, once. */
export interface EmbeddingRequest {
  readonly segmenter: string;
  /** Centre of the patch in level-0 pixels. */
  readonly centre: { readonly x: number; readonly y: number };
  /** Side of the patch in level-0 pixels; the segmenter's own when left out. */
  readonly side?: number | undefined;
}

export interface EmbeddingEntry {
  /** Its bytes: `GET /api/embeddings/:id`, float32 little endian [1, 256, 64, 64]. */
  readonly id: string;
  /** The level-0 pixels that the patch covers. */
  readonly box: Box;
  /** Side of the patch in pixels: coordinates of points are in this frame. */
  readonly patchSize: number;
}

/** A click in patch pixels: 1 for foreground, 0 for background. */
export interface PromptPoint {
  readonly space: "patch";
  readonly x: number;
  readonly y: number;
  readonly label: 0 | 1;
}

/** A box in patch pixels, its corners. */
export interface PromptBox {
  readonly space: "patch";
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * The decoder as ONNX: `GET /api/segmenters/:id/decoder`. Inputs `image_embedding` [1, 256, 64, 64],
 * `point_coordinates` [1, points, 2] in patch pixels, `point_labels` [1, points] (1 foreground, 0 background, 2 and 3
 * the corners of a box, -1 padding); outputs `logits` [1, 256, 256], which cover the whole
 * patch, above 0 for foreground, and `estimated_iou` [1, 1].
 * `POST /api/embeddings/:id/mask` decodes on the server instead and answers the same logits as a mask.
 */
export interface DecodeRequest {
  readonly points: readonly PromptPoint[];
  readonly box: PromptBox | null;
}

/** The mask as an area of the slide, outlines through the middles of pixel edges, with SAM's own estimate. */
export interface DecodedMask {
  readonly area: Area;
  readonly estimatedIou: number;
}
