import { z } from "zod";
import { bytesSchema } from "../../common/index.js";
import { boxSchema as box, placedSquareSchema, labelledSquares as squares } from "../../contract/index.js";

/** Whom squares teach, and where: what another process needs to open it. */
const lessonSchema = z.object({
  slide: z.string(),
  /** Size and time of change: a file that changed is opened again. */
  version: z.string(),
  /** Run directory; null for a new head. */
  run: z.string().nullable(),
});
export type Lesson = z.infer<typeof lessonSchema>;

/** A tile of the map, and in how many views it is seen: one is a draft. */
const seen = {
  place: z.object({ column: z.number(), row: z.number() }),
  views: z.union([z.literal(1), z.literal(2)]),
};
const placed = z.array(placedSquareSchema);

/** What the teaching process is asked for. */
export const teachingWorkSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("frame"), lesson: lessonSchema }),
  z.object({ kind: z.literal("prepare"), lesson: lessonSchema, ...seen }),
  z.object({ kind: z.literal("prepare-squares"), lesson: lessonSchema, squares: placed }),
  z.object({ kind: z.literal("teach"), lesson: lessonSchema, squares }),
  z.object({ kind: z.literal("map"), lesson: lessonSchema, squares, ...seen }),
  z.object({ kind: z.literal("suggest"), lesson: lessonSchema, squares, box, size: z.number() }),
]);
export type TeachingWork = z.infer<typeof teachingWorkSchema>;

/** What each kind of work gives. */
export const teachingResults = {
  frame: z.object({
    pixelSize: z.number(),
    mpp: z.number().nullable(),
    /** In pixels of patches. */
    extent: z.object({ width: z.number(), height: z.number() }),
  }),
  prepare: z.null(),
  "prepare-squares": z.null(),
  teach: z.null(),
  map: z.object({ width: z.number(), height: z.number(), data: bytesSchema }),
  suggest: z.array(z.object({ x: z.number(), y: z.number(), size: z.number(), probability: z.number() })),
};
export type TeachingResults = {
  readonly [Kind in keyof typeof teachingResults]: z.infer<(typeof teachingResults)[Kind]>;
};
