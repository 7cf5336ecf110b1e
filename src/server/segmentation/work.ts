import { z } from "zod";
import { bytesSchema, floatsSchema } from "../../common/index.js";

/** Weights and patch size of a segmenter, as another process needs them to open it. */
const sourceSchema = z.object({
  /** Run directory; null for SAM as its makers trained it. */
  run: z.string().nullable(),
  /** Decoder of the run, ignored without one. */
  stage: z.string(),
  /** Side of the patches in pixels. */
  patchSize: z.number(),
});
export type SegmenterSource = z.infer<typeof sourceSchema>;

const imageSchema = z.object({ width: z.number(), height: z.number(), data: bytesSchema });

/** What the segmentation process is asked for. */
export const workSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("embed"), segmenter: sourceSchema, image: imageSchema }),
  z.object({ kind: z.literal("map"), segmenter: sourceSchema, image: imageSchema }),
  z.object({ kind: z.literal("decoder"), segmenter: sourceSchema }),
  z.object({
    kind: z.literal("decode"),
    segmenter: sourceSchema,
    embedding: floatsSchema,
    prompts: z.object({ coordinates: floatsSchema, labels: floatsSchema }),
  }),
]);
export type SegmentationWork = z.infer<typeof workSchema>;

/** What each kind of work gives. */
export const resultSchemas = {
  /** Float32 [256, 64, 64]. */
  embed: floatsSchema,
  /** What a decoder that sees features sees of a patch: logits, float32 [256, 256]. */
  map: floatsSchema,
  /** An ONNX file. */
  decoder: bytesSchema,
  decode: z.object({
    /** [256, 256] over the patch, above 0 for foreground. */
    logits: floatsSchema,
    estimatedIou: z.number(),
  }),
};
export type WorkResults = {
  readonly [Kind in keyof typeof resultSchemas]: z.infer<(typeof resultSchemas)[Kind]>;
};
export type DecodedLogits = WorkResults["decode"];
