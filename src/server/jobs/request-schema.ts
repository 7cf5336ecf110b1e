import { z } from "zod";
import type { JobRequest } from "../../contract/index.js";

/** Slides of one job. */
const MOST_SLIDES = 10_000;

const id = z.string().min(1).max(64);
const slides = z.array(id).min(1).max(MOST_SLIDES);
const tissue = z.enum(["otsu", "all"]).optional();
const mpp = z.number().positive().max(1000).optional();
const side = z.int().min(32).max(4096);
/** Names become folders on any system. */
const name = z
  .string()
  .regex(
    /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$/u,
    "must begin with a letter or digit and hold letters, digits, spaces, . _ - alone (at most 64)",
  )
  .refine((text) => !/[ .]$/.test(text), "must not end with a space or a dot");

/** What the page sends to start a job. */
export const jobRequestSchema: z.ZodType<JobRequest> = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("infer"),
    run: id,
    slides,
    stage: z.string().min(1).max(64).optional(),
    overlap: z.number().min(0).max(0.75).optional(),
    gate: z.number().min(0).max(1).optional(),
    mpp,
    tissue,
  }),
  z.strictObject({
    kind: z.literal("prepare"),
    name,
    slides,
    patchSize: side,
    stride: z.int().min(16).max(4096),
    mpp,
    tissue,
    annotations: z.enum(["corrections", "files"]),
    unmarked: z.enum(["unknown", "normal"]).optional(),
  }),
  z.strictObject({
    kind: z.literal("train"),
    name,
    dataset: id,
    preset: z.enum(["laptop", "paper"]),
    seed: z
      .int()
      .min(0)
      .max(2 ** 32 - 1),
  }),
  z.strictObject({
    kind: z.literal("retrain"),
    name,
    run: id,
    slides,
    mpp,
    unmarked: z.enum(["unknown", "normal"]).optional(),
  }),
]);
