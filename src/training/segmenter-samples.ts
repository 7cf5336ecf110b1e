import { must, RandomStream } from "../common/index.js";
import { jitterStains, loadPatchImage } from "../dataset/index.js";
import { applyDihedral, cutArea, type Mask, type Rectangle, type RgbImage } from "../imaging/index.js";
import { drawChannelNoise, pointsInMask } from "../method/index.js";
import { forEachLevel, levelsOf, type PatchPrompt } from "../models/index.js";
import { decoderBackbone, featureDeviation, promptSettings } from "../run/index.js";
import { emptyMask } from "./decoder-samples.js";
import type { DecoderStageOptions } from "./decoder-stage.js";
import type { SegmenterSample } from "./segmenter-model.js";

/** What samples of a segmenter are drawn from. */
type SampleOptions = Pick<
  DecoderStageOptions,
  "stage" | "config" | "train" | "embeddings" | "activationLogits"
>;

/** A training patch turned, cut and stained at random. */
export async function sampleOf(
  options: SampleOptions,
  index: number,
  epoch: number,
  position: number,
): Promise<SegmenterSample> {
  const { config, stage, train, embeddings } = options;
  const item = must(train, index, "patch");
  const { variants, augment, kind, optionalMask } = config.decoder;
  const stream = new RandomStream(config.seed, stage, "sample", epoch, position);
  const variant = variants[stream.integer(variants.length)] ?? 0;
  const image = applyDihedral(await loadPatchImage(item.patch), variant);
  const mask = applyDihedral(await item.readMask(), variant);
  const read = await item.readConfidence?.();
  const confidence = read && applyDihedral(read, variant);
  const square = randomSquare(image, augment.cropSize ?? image.width, stream);
  const target = cutArea(mask, square).data;
  const isSam = kind === "sam";
  return {
    image: jitterStains(cutArea(image, square), augment, stream),
    target,
    confidence: confidence ? cutArea(confidence, square).data : new Uint8Array(target.length).fill(255),
    prompt: isSam ? await promptOf(options, index, { mask, variant, stream }) : undefined,
    embedding: isSam ? await embeddings.get(item.patch, variant) : undefined,
    hasMask: !stream.chance(optionalMask),
    noise: noiseOf(options, epoch, position),
  };
}

/** Drawn apart from the rest, so that a training without it sees the same samples. */
function noiseOf(options: SampleOptions, epoch: number, position: number): SegmenterSample["noise"] {
  const { config, stage } = options;
  const deviation = deviationOf(options);
  if (deviation === 0) return undefined;
  const stream = new RandomStream(config.seed, stage, "feature noise", epoch, position);
  const levels = levelsOf(decoderBackbone(config), { width: 1, height: 1 });
  return forEachLevel((stride) => drawChannelNoise(levels[stride].channels, deviation, stream));
}

/** Deviation of the noise of features, see `decoder.featureNoise`. */
export function deviationOf({ config, train }: Pick<SampleOptions, "config" | "train">): number {
  return featureDeviation(
    config.decoder.featureNoise,
    train.map(({ patch }) => patch),
  );
}

async function promptOf(
  { config, stage, train, activationLogits }: SampleOptions,
  index: number,
  { mask, variant, stream }: { mask: Mask; variant: number; stream: RandomStream },
): Promise<PatchPrompt | undefined> {
  const item = must(train, index, "patch");
  const { points: count, maskPrompt } = promptSettings(config);
  const points = pointsInMask(mask, count, stream);
  if (points === undefined && count > 0) throw emptyMask(stage, item.patch);
  const logits = maskPrompt === "activation-map" ? await activationLogits(item.patch) : undefined;
  return {
    points: points ?? { space: "patch", coordinates: new Float32Array(), labels: new Float32Array() },
    mask: logits && applyDihedral(logits, variant),
  };
}

/** A random square of images of one size. */
function randomSquare({ width, height }: RgbImage, side: number, stream: RandomStream): Rectangle {
  const left = stream.integer(Math.max(1, width - side + 1));
  const top = stream.integer(Math.max(1, height - side + 1));
  return { left, top, width: side, height: side };
}
