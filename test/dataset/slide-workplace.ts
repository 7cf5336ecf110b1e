import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PrepareSlidesOptions } from "../../src/dataset/index.js";
import { recordingReporter, temporaryFolder, writeText } from "./fixtures.js";

/** The left 40 % of a slide of 256 x 192 pixels. */
export const TUMOUR = JSON.stringify({
  type: "Feature",
  properties: { classification: { name: "Tumor" } },
  geometry: {
    type: "Polygon",
    coordinates: [
      [
        [0, 0],
        [100, 0],
        [100, 192],
        [0, 192],
        [0, 0],
      ],
    ],
  },
});

/** Files of slides and annotations of the given names, and a preparation of them. */
export async function slideWorkplace(
  slides: readonly string[],
  annotations: readonly string[],
  openSlide: PrepareSlidesOptions["openSlide"],
) {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "slides"));
  await mkdir(join(folder, "annotations"));
  for (const name of slides) await writeText(join(folder, "slides", name), name);
  for (const name of annotations) await writeText(join(folder, "annotations", name), TUMOUR);
  const reporter = recordingReporter();
  const options: PrepareSlidesOptions = {
    inputs: [join(folder, "slides")],
    annotations: join(folder, "annotations"),
    out: join(folder, "dataset"),
    patchSize: 64,
    tissue: "all",
    split: [1, 0, 0],
    positiveRange: [0.1, 1],
    openSlide,
    reporter,
  };
  const description = async () => JSON.parse(await readFile(join(folder, "dataset", "dataset.json"), "utf8"));
  return { folder, options, reporter, description };
}
