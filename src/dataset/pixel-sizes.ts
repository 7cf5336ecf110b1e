import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { EpSamError, exists, messageOf } from "../common/index.js";
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
  try {
    const { sources = [] } = descriptionSchema.parse(JSON.parse(await readFile(path, "utf8")));
    const sizes = sources.flatMap(({ slide, pixelSize }): [string, number][] =>
      slide === undefined || pixelSize === undefined
        ? []
        : [[stemOf(slide), (pixelSize.x + pixelSize.y) / 2]],
    );
    return new Map(sizes);
  } catch (cause) {
    const action = "Prepare the dataset again.";
    throw new EpSamError(
      "dataset",
      { where: path, what: "cannot be understood", why: messageOf(cause), action },
      { cause },
    );
  }
}
