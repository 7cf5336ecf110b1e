import { z } from "zod";
import { bytesSchema } from "../../common/index.js";

/** What OpenSlide tells about a slide when it is opened. */
const descriptionSchema = z.object({
  /** Version of the library. */
  version: z.string(),
  vendor: z.string(),
  levels: z.array(z.object({ width: z.number(), height: z.number(), downsample: z.number() })),
  properties: z.record(z.string(), z.string()),
  associatedImages: z.array(z.string()),
});
export type OpenSlideDescription = z.infer<typeof descriptionSchema>;

/** Why a slide was not opened. */
const notOpenedSchema = z.object({
  notOpened: z.enum(["not installed", "unknown format", "failed"]),
  reason: z.string(),
});
export type NotOpened = z.infer<typeof notOpenedSchema>;

/** The answer to a question of kind `open`. */
export const openedSchema = z.union([notOpenedSchema, descriptionSchema]);

/** The answer to the other questions: pixels in RGB, and how many of them the file does not have. */
export const pixelBlockSchema = z
  .object({ width: z.number(), height: z.number(), data: bytesSchema, missing: z.number() })
  .refine(({ width, height, data }) => data.length === width * height * 3, "not as many bytes as pixels");
export type PixelBlock = z.infer<typeof pixelBlockSchema>;

/** What the child is asked; one slide per child, opened first. */
export const questionSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("open"), path: z.string(), libraries: z.array(z.string()).readonly() }),
  z.object({
    kind: z.literal("region"),
    level: z.number(),
    /** Level-0 pixels. */
    x: z.number(),
    y: z.number(),
    width: z.number(),
    height: z.number(),
  }),
  z.object({ kind: z.literal("associated"), name: z.string() }),
]);
export type OpenSlideQuestion = z.infer<typeof questionSchema>;
