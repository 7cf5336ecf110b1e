import * as z from "zod/mini";
import { boxSchema } from "./geometry.js";
import { identifier, list } from "./values.js";
import { layerEntry } from "./workspace.js";

const number = z.number();

/** What teaching with squares may hold. */
export const teachingLimits = {
  /** Squares of one slide that teach. */
  squares: 2000,
  /** The first map comes with so many, some of both kinds among them. */
  first: 5,
  /** Tiles of a view whose map is made; views of more are too far away. */
  tiles: 48,
  /** Side of a square in pixels of patches: usual, and the least that cells judge. */
  usualSide: 112,
  leastSide: 32,
  mostSide: 448,
} as const;

/** A square of a slide in level-0 pixels. */
export const placedSquareSchema = z.strictObject({
  x: number.check(z.gte(0)),
  y: number.check(z.gte(0)),
  size: number.check(z.gte(1)),
});

/** A square of a slide that is mostly tumour, or mostly not. */
export const labelledSquareSchema = z.strictObject({
  ...placedSquareSchema.shape,
  tumour: z.literal([0, 1]),
});
export type LabelledSquareEntry = z.infer<typeof labelledSquareSchema>;

export const labelledSquares = z.readonly(
  z.array(labelledSquareSchema).check(z.minLength(1), z.maxLength(teachingLimits.squares)),
);

/** `GET /api/slides/:slide/teaching?run=ID`: how squares lie on the slide; without `run` a new head is taught. */
export const teachingQuery = z.object({ run: z.optional(identifier) });
export const teachingFrameSchema = z.object({
  /** Level-0 pixels of a pixel of the patches that are looked at, and microns (null: unknown). */
  pixelSize: number,
  mpp: z.nullable(number),
  /** Side of a tile of the map in level-0 pixels. */
  tileSide: number,
  /** What the user should know, such as that the slide tells no resolution. */
  warnings: list(z.string()),
});
export type TeachingFrame = z.infer<typeof teachingFrameSchema>;

/**
 * `POST /api/slides/:slide/teaching/prepare`: computes the features of squares that are likely to teach, and of the part
 * of a slide that is seen, so that the map comes at once; answered with 204 when they are there. `POST /api/slides/:slide/teachings` teaches: answered with
 * {@link teachingSchema}, whose layer's tiles are those of any other layer.
 */
export const prepareTeachingSchema = z.strictObject({
  run: z.nullable(identifier),
  box: z.optional(boxSchema),
  squares: z.optional(z.array(placedSquareSchema).check(z.maxLength(teachingLimits.squares))),
});
export type TeachingPreparation = z.infer<typeof prepareTeachingSchema>;
export const teachingRequestSchema = z.strictObject({
  run: z.nullable(identifier),
  squares: labelledSquares,
});
export type TeachingRequest = z.infer<typeof teachingRequestSchema>;
export const teachingSchema = z.object({
  id: z.string(),
  layer: layerEntry,
  /** The same map judged in one view: less good by 0.016 of mean IoU, and made in half the time where nothing was seen before. */
  draft: layerEntry,
  milliseconds: number,
});
export type Teaching = z.infer<typeof teachingSchema>;

/** `POST /api/slides/:slide/teachings/:id/suggestions`: squares in a box of which the map is least sure. */
export const suggestionRequestSchema = z.strictObject({ box: boxSchema, size: number.check(z.gte(1)) });
export const suggestionsSchema = list(
  z.object({ x: number, y: number, size: number, probability: number.check(z.gte(0), z.lte(1)) }),
);
export type Suggestion = z.infer<typeof suggestionsSchema>[number];
