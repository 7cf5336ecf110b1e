import { formatBytes, type Reporter } from "../common/index.js";
import { type Dataset, patchResolution } from "../dataset/index.js";
import {
  backboneNames,
  foundationModelsOf,
  foundationView,
  isBackbone,
  isEncoderStages,
  minisamStages,
  planFrozenFeatures,
} from "../models/index.js";
import { decoderBackbone, seesFeatures, type TrainingConfig } from "../run/index.js";
import type { PipelineData } from "./pipeline-stages.js";

/** Bytes that the cached features of a dense classifier's networks take, for training and validation. */
export function featureBytes(config: TrainingConfig, { patches, patchSize }: Dataset): number {
  const { classifier, cache } = config;
  if (classifier.model !== "dense") return 0;
  const networks = networksOf(config, { patches, patchSize }, patchSize);
  const values = networks.reduce((sum, { shape }) => sum + shape.channels * shape.width * shape.height, 0);
  const images = patches.filter(({ split }) => split !== "test").length;
  return values * images * (cache.precision === "float16" ? 2 : 4);
}

/** How the networks of a classifier that learns from patches of `trainedSize` pixels see those of a dataset. */
function networksOf(
  { classifier }: TrainingConfig,
  { patches, patchSize }: Pick<Dataset, "patches" | "patchSize">,
  trainedSize: number,
) {
  const micronsPerPixel = patchResolution(patches).mpp?.median ?? null;
  const side = Math.round((patchSize * (classifier.inputSize ?? trainedSize)) / trainedSize);
  return planFrozenFeatures(classifier.dense.backbone, { patchSize, trainedSize, side, micronsPerPixel })
    .networks;
}

/**
 * Says before training how networks that stay frozen see the patches, under which licence, and what their features take.
 * @throws EpSamError `shape` when the patches cannot be shown to one of them
 */
export function tellNetworks(
  config: TrainingConfig,
  { dataset: segmented, classifierDataset: dataset }: PipelineData,
  reporter: Reporter,
): void {
  if (config.classifier.model !== "dense") return;
  // The classifier's maps of these are wanted later.
  networksOf(config, segmented, dataset.patchSize);
  const names = backboneNames(config.classifier.dense.backbone);
  if (names.every(isBackbone)) return;
  tellFoundations(config, dataset, reporter);
  for (const { name, shape } of networksOf(config, dataset, dataset.patchSize)) {
    if (!isEncoderStages(name)) continue;
    reporter.note(
      `${name}: sees a patch of ${dataset.patchSize} pixels as SAM's encoder does, as ${shape.width}×${shape.height} cells; licence: ${minisamStages.licence}`,
    );
  }
  if (seesFeatures(config.decoder)) {
    const frozen = names.filter((name) => !isBackbone(name)).join(", ");
    reporter.note(
      `the decoder sees the features of ${decoderBackbone(config).name}, and not those of ${frozen}`,
    );
  }
  reporter.note(`features of all patches take ${formatBytes(featureBytes(config, dataset))}, computed once`);
}

function tellFoundations({ classifier }: TrainingConfig, dataset: Dataset, reporter: Reporter): void {
  const mpp = patchResolution(dataset.patches).mpp?.median ?? null;
  for (const model of foundationModelsOf(classifier.dense.backbone)) {
    const { cells, own } = foundationView(model, dataset.patchSize, mpp);
    const crops = cells > own ? `, in overlapping crops of ${own}×${own}` : "";
    reporter.note(
      `${model.name}: sees a patch of ${dataset.patchSize} pixels as ${cells}×${cells} tokens${crops}; licence: ${model.licence}`,
    );
    if (mpp === null && model.micronsPerPixel !== null) {
      reporter.warn(
        `${dataset.root}: its patches have no microns per pixel, so that ${model.name}, which was trained on tissue at ` +
          `${model.micronsPerPixel}, sees them as they are. Prepare the data with \`mpp\` if they have another resolution.`,
      );
    }
  }
}
