import { join } from "node:path";
import { z } from "zod";
import { exists, readJson } from "../common/index.js";
import { stemOf } from "./file-kinds.js";
import { DESCRIPTION_FILE } from "./open-dataset.js";

const descriptionSchema = z.object({
  sources: z
    .array(
      z.object({
        slide: z.string().optional(),
        pixelSize: z.object({ x: z.number().positive(), y: z.number().positive() }).optional(),
      }),
    )
    .optional(),
});

/**
 * Level-0 pixels per pixel of a patch, by slide, as `dataset.json` tells; slides that are not in it were read at full
 * resolution.
 * @throws EpSamError `dataset` when the file is malformed
 */
export async function readPixelSizes(root: string): Promise<ReadonlyMap<string, number>> {
  const path = join(root, DESCRIPTION_FILE);
  if (!(await exists(path))) return new Map();
  const { sources = [] } = await readJson(path, descriptionSchema, {
    tag: "dataset",
    what: "cannot be understood",
    action: "Prepare the dataset again.",
  });
  const sizes = sources.flatMap(({ slide, pixelSize }): [string, number][] =>
    slide === undefined || pixelSize === undefined ? [] : [[stemOf(slide), (pixelSize.x + pixelSize.y) / 2]],
  );
  return new Map(sizes);
}
