import { join } from "node:path";
import { EpSamError, exists, type Reporter } from "../../src/common/index.js";
import { listPatches } from "../../src/dataset/index.js";
import type { Device } from "../../src/graph/index.js";
import { mergeRecords, type PresetName, resolveConfig } from "../../src/run/index.js";
import { train } from "../../src/training/index.js";
import { stagesOf } from "./glas.js";
import type { StageFigures } from "./image-figures.js";

/** What the recipe is tried on. */
export interface FolderOptions {
  /** A dataset with the splits train, val and test, whose tumour patches of test have pixel masks. */
  readonly data: string;
  readonly seed: number;
  readonly preset: PresetName;
  /** Values that differ from the preset. */
  readonly overrides: unknown;
  /** Runs and caches lie here; a run that was killed goes on. */
  readonly out: string;
  readonly device: Device;
  readonly reporter: Reporter;
}

/** The whole recipe from a dataset to figures: training, then whole test patches, those without tumour too. */
export async function tryFolder(options: FolderOptions): Promise<StageFigures[]> {
  const { data, seed, preset, out, device, reporter } = options;
  const patches = (await listPatches(data)).filter(({ split }) => split === "test");
  const unknown = patches.filter(({ label, maskPath }) => label === 1 && maskPath === null);
  const [first] = unknown;
  if (first !== undefined) {
    throw new EpSamError("dataset", {
      where: data,
      what: `${unknown.length} tumour patches of test have no pixel mask to compare with, such as ${first.id}`,
    });
  }
  if (patches.length === 0) throw new EpSamError("dataset", { where: data, what: "has no test patches" });
  const run = join(out, `run-${seed}`);
  const resume = await exists(join(run, "run.json"));
  const config = resolveConfig(preset, mergeRecords(options.overrides, { seed }));
  await train({ data, out: run, preset, config, resume, overwrite: false, device, reporter });
  const images = patches.map(({ imagePath, maskPath, label }) => ({
    image: imagePath,
    mask: label === 1 ? maskPath : null,
  }));
  return stagesOf(run, images, seed, device);
}
