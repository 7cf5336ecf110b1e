import * as z from "zod/mini";
import { list } from "./values.js";
import { labelSchema, splitSchema } from "./workspace.js";

const text = z.string();
const figure = z.nullable(z.number());
const count = z.coerce.number().check(z.int(), z.gte(0));

/** How a gallery is sorted: as in the manifest, lowest IDS score first, largest disagreement of rounds first. */
const patchSort = z.enum(["manifest", "ids-score", "disagreement", "uncertainty"]);
export type PatchSort = z.infer<typeof patchSort>;
export const patchSorts: readonly PatchSort[] = patchSort.options;

/**
 * `GET /api/datasets/:dataset/patches`: a page of the gallery. Patches without a score or a disagreement do not pass a
 * limit of it.
 */
export const patchesQuery = z.object({
  split: z.optional(splitSchema),
  label: z.optional(
    z.pipe(
      z.enum(["0", "1"]),
      z.transform((digit) => (digit === "1" ? 1 : 0)),
    ),
  ),
  run: z.optional(text),
  /** Only patches whose IDS score is lower. */
  idsBelow: z.optional(z.coerce.number().check(z.gte(0), z.lte(2))),
  /** Only patches whose last two stages disagree more. */
  disagreementAbove: z.optional(z.coerce.number().check(z.gte(0), z.lte(1))),
  sort: z._default(patchSort, "manifest"),
  offset: z._default(count, 0),
  limit: z._default(count.check(z.gte(1), z.lte(500)), 100),
});

/** How many patches' masks have been compared of those that are to be. Ask again in a second or so. */
const comparingProgress = z.object({ done: z.number(), total: z.number() });
export type ComparingProgress = z.infer<typeof comparingProgress>;

/**
 * A patch of the gallery. Its pictures: `GET /api/datasets/:dataset/patches/:patch/image`, `…/mask` (ground truth),
 * and with a run `GET /api/runs/:run/patches/:patch/masks/:stage` (8-bit grey PNG), where `stage` is one of `masks`.
 */
const patchEntry = z.object({
  patch: text,
  /** Slide of the workspace that it was cut from, or null. */
  slide: z.nullable(text),
  slideName: text,
  x: figure,
  y: figure,
  split: splitSchema,
  label: labelSchema,
  tumourFraction: figure,
  hasMask: z.boolean(),
  /** Of the last round that scored it (equation of the IDS score); null without one. */
  idsScore: figure,
  /** 1 − IoU between the masks of the last two stages; null without two. */
  disagreement: figure,
  /** The run's masks of this patch by stage, the earliest first. */
  masks: list(text),
});
export type PatchEntry = z.infer<typeof patchEntry>;

export const patchPageSchema = z.object({
  total: z.number(),
  offset: z.number(),
  patches: list(patchEntry),
  /** Set while an order or a limit needs masks that are still being compared; those done are shown meanwhile. */
  comparing: z.nullable(comparingProgress),
});
export type PatchPage = z.infer<typeof patchPageSchema>;

/** `GET /api/runs/:run/uncertain?limit=`: training patches that a correction would teach most, the best first. */
export const uncertainQuery = z.object({
  limit: z._default(count.check(z.gte(1), z.lte(500)), 50),
});
/** `uncertainty` is the mean of 1 − IDS score and disagreement, of those known. */
const uncertainPatch = z.object({ ...patchEntry.shape, uncertainty: z.number() });
export type UncertainPatch = z.infer<typeof uncertainPatch>;
export const uncertainPageSchema = z.object({
  patches: list(uncertainPatch),
  /** As in {@link PatchPage}. */
  comparing: z.nullable(comparingProgress),
});
export type UncertainPage = z.infer<typeof uncertainPageSchema>;

/**
 * `GET /api/runs/:run/comparison`: figures of a re-trained run beside those of the run it started from; `null` for a
 * run that was not re-trained from another (a 404 would stand as an error in the browser's console).
 */
export const runComparisonSchema = z.nullable(
  z.object({
    before: text,
    after: text,
    /** On the same patches. */
    patches: z.number(),
    figures: list(
      z.object({
        name: text,
        before: figure,
        after: figure,
        /** Mean difference over the same resampled patients, with its 95 % interval. */
        difference: z.nullable(z.object({ value: z.number(), low: z.number(), high: z.number() })),
      }),
    ),
  }),
);
export type RunComparison = NonNullable<z.infer<typeof runComparisonSchema>>;
