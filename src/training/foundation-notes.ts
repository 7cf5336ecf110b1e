import { formatBytes, type Reporter } from "../common/index.js";
import { type Dataset, patchResolution } from "../dataset/index.js";
import { foundationModelsOf, foundationView, planFrozenFeatures } from "../models/index.js";
import type { TrainingConfig } from "../run/index.js";

/** Bytes that the cached features of a dense classifier's networks take, for training and validation. */
export function featureBytes({ classifier, cache }: TrainingConfig, { patches, patchSize }: Dataset): number {
  if (classifier.model !== "dense") return 0;
  const micronsPerPixel = patchResolution(patches).mpp?.median ?? null;
  const side = classifier.inputSize ?? patchSize;
  const { networks } = planFrozenFeatures(classifier.dense.backbone, { patchSize, side, micronsPerPixel });
  const values = networks.reduce((sum, { shape }) => sum + shape.channels * shape.width * shape.height, 0);
  const images = patches.filter(({ split }) => split !== "test").length;
  return values * images * (cache.precision === "float16" ? 2 : 4);
}

/** Says before training how foundation models see the patches, under which licence, and what their features take. */
export function tellFoundations(config: TrainingConfig, dataset: Dataset, reporter: Reporter): void {
  if (config.classifier.model !== "dense") return;
  const models = foundationModelsOf(config.classifier.dense.backbone);
  const mpp = patchResolution(dataset.patches).mpp?.median ?? null;
  for (const model of models) {
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
  if (models.length === 0) return;
  reporter.note(`features of all patches take ${formatBytes(featureBytes(config, dataset))}, computed once`);
}
