import * as z from "zod/mini";
import { savedObject } from "./annotations.js";
import { list } from "./values.js";

/**
 * `GET /api/slides/:slide/annotations/results`: what the newest results would bring in, whether or not it is there
 * already; nothing where no run has left outlines.
 */
export const foundObjectsSchema = z.object({
  /** The run and its stage; null without outlines. */
  origin: z.nullable(z.string()),
  found: list(
    z.object({
      object: savedObject,
      /** Mean tumour probability inside, 0 to 1; null where the run has kept none. */
      probability: z.nullable(z.number()),
      /** Area and largest diameter as the run measured them in its mask, in µm or level-0 pixels; null when it has not. */
      size: z.nullable(z.object({ area: z.number(), diameter: z.number(), inMicrons: z.boolean() })),
    }),
  ),
});
export type FoundObjects = z.infer<typeof foundObjectsSchema>;
