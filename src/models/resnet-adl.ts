import {
  add,
  concat,
  conv2d,
  matmul,
  maxPool2d,
  mean,
  relu,
  reshape,
  shape4,
  type Value,
} from "../graph/index.js";
import {
  type BatchNormParameters,
  type BatchNormResult,
  type Buffers,
  batchNormEvaluation,
  batchNormSynchronised,
  batchNormTraining,
  type ParameterSource,
} from "../nn/index.js";
import { attentionDropout, dropDraws } from "./attention-dropout.js";
import { highFrequencyChannel } from "./high-frequency.js";

/** Depths of the patch classifier: ResNet-50 as in the paper, ResNet-18 for laptops. */
export const classifierDepths = [18, 50] as const;
export type ClassifierDepth = (typeof classifierDepths)[number];

export interface ResNetAdlOptions {
  readonly depth: ClassifierDepth;
  /** Attention above this share of its maximum is dropped. */
  readonly dropThreshold: number;
  /** Adds the high-frequency map as the fourth input channel. */
  readonly highFrequency: boolean;
}

/** The paper's values. */
export const paperResNetAdl: ResNetAdlOptions = { depth: 50, dropThreshold: 0.8, highFrequency: true };

/** Layer whose features give the class activation map: the authors' choice or the one the head was trained on. */
export const camLayers = ["layer4-first", "layer4-last"] as const;
export type CamLayer = (typeof camLayers)[number];

/**
 * What a classifier graph is built for. `frozen-statistics`: as training, but batch normalisation keeps its running
 * statistics, as in evaluation. `microBatches`: the graph is of one of so many parts of a batch, whose batch
 * normalisation takes the statistics of all.
 */
export type ClassifierMode =
  | "training"
  | "evaluation"
  | "frozen-statistics"
  | { readonly microBatches: number };

/** The classifier as a graph. */
export interface ResNetAdl {
  /** One logit for each image, [N]. */
  readonly logits: Value;
  /** Feature maps [N, C, h, w] at 1/16 of the image's size. */
  readonly features: Readonly<Record<CamLayer, Value>>;
  /** Weight of the head, [1, C]. */
  readonly headWeight: Value;
  /** Batch-norm running statistics; in evaluation they stay as they are. */
  readonly buffers: Buffers;
}

interface BlockPlan {
  readonly stage: 1 | 2 | 3 | 4;
  /** Index in the stage's `nn.Sequential`, in which attention dropout layers count too. */
  readonly index: number;
  readonly stride: 1 | 2;
  readonly dropAfter: boolean;
}

const blocksPerStage: Readonly<Record<ClassifierDepth, readonly [number, number, number, number]>> = {
  18: [2, 2, 2, 2],
  50: [3, 4, 6, 3],
};

/** Blocks in order, with the attention dropout after layer3's first and layer4's first and last block. */
function planBlocks(depth: ClassifierDepth): BlockPlan[] {
  return blocksPerStage[depth].flatMap((count, position) => {
    const stage = ([1, 2, 3, 4] as const)[position] ?? 1;
    let index = 0;
    return Array.from({ length: count }, (_, block) => {
      const dropAfter = (stage === 3 && block === 0) || (stage === 4 && (block === 0 || block === count - 1));
      // Layer 4 keeps its resolution, so the features are at 1/16 instead of 1/32.
      const stride = block === 0 && (stage === 2 || stage === 3) ? 2 : 1;
      const plan: BlockPlan = { stage, index, stride, dropAfter };
      index += dropAfter ? 2 : 1;
      return plan;
    });
  });
}

/** Builds layers by state-dict name and collects what training changes. */
class Builder {
  readonly buffers = new Map<string, { current: Value; next: Value }>();

  constructor(
    readonly parameters: ParameterSource,
    readonly mode: ClassifierMode,
  ) {}

  convolution(x: Value, name: string, outputs: number, kernel: number, stride = 1): Value {
    const [, channels] = shape4(x, name);
    const weight = this.parameters.get(`${name}.weight`, [outputs, channels, kernel, kernel]);
    return conv2d(x, weight, { stride, padding: (kernel - 1) / 2 });
  }

  batchNorm(x: Value, name: string): Value {
    const [, channels] = shape4(x, name);
    const runningMean = this.parameters.buffer(`${name}.running_mean`, [channels]);
    const runningVariance = this.parameters.buffer(`${name}.running_var`, [channels]);
    const parameters = {
      weight: this.parameters.get(`${name}.weight`, [channels]),
      bias: this.parameters.get(`${name}.bias`, [channels]),
      runningMean,
      runningVariance,
    };
    if (this.mode === "evaluation" || this.mode === "frozen-statistics")
      return batchNormEvaluation(x, parameters);
    const { output, nextRunningMean, nextRunningVariance } = this.#trained(x, parameters);
    this.buffers.set(`${name}.running_mean`, { current: runningMean, next: nextRunningMean });
    this.buffers.set(`${name}.running_var`, { current: runningVariance, next: nextRunningVariance });
    return output;
  }

  #trained(x: Value, parameters: BatchNormParameters): BatchNormResult {
    return typeof this.mode === "string"
      ? batchNormTraining(x, parameters)
      : batchNormSynchronised(x, parameters, this.mode.microBatches);
  }

  /** The residual branch's shortcut: identity, or a strided 1×1 convolution where sizes change. */
  shortcut(x: Value, name: string, outputs: number, stride: number): Value {
    const [, channels] = shape4(x, name);
    if (channels === outputs && stride === 1) return x;
    return this.batchNorm(
      this.convolution(x, `${name}.downsample.0`, outputs, 1, stride),
      `${name}.downsample.1`,
    );
  }

  basicBlock(x: Value, name: string, width: number, stride: number): Value {
    const first = relu(this.batchNorm(this.convolution(x, `${name}.conv1`, width, 3, stride), `${name}.bn1`));
    const second = this.batchNorm(this.convolution(first, `${name}.conv2`, width, 3), `${name}.bn2`);
    return relu(add(second, this.shortcut(x, name, width, stride)));
  }

  bottleneckBlock(x: Value, name: string, width: number, stride: number): Value {
    const first = relu(this.batchNorm(this.convolution(x, `${name}.conv1`, width, 1), `${name}.bn1`));
    const second = relu(
      this.batchNorm(this.convolution(first, `${name}.conv2`, width, 3, stride), `${name}.bn2`),
    );
    const third = this.batchNorm(this.convolution(second, `${name}.conv3`, width * 4, 1), `${name}.bn3`);
    return relu(add(third, this.shortcut(x, name, width * 4, stride)));
  }
}

/** What the network computes before its head. */
export interface ResNetFeatures {
  /** The last features of each resolution, [N, C, h, w] at 1/4, 1/8 and 1/16 of the image's size. */
  readonly levels: Readonly<Record<4 | 8 | 16, Value>>;
  /** Features of layer 4, at 1/16 of the image's size. */
  readonly features: Readonly<Record<CamLayer, Value>>;
  /** Batch-norm running statistics; in evaluation they stay as they are. */
  readonly buffers: Buffers;
}

/**
 * ResNet (He et al., 2016; stride on the 3×3 convolution) without its head, with attention dropout layers in training.
 *
 * @param stemInput what the first convolution takes, [N, C, H, W]
 * @param mode other than in evaluation the graph has the further input `dropDrawInput`.
 */
export function resNetFeatures(
  parameters: ParameterSource,
  stemInput: Value,
  { depth, dropThreshold }: Pick<ResNetAdlOptions, "depth" | "dropThreshold">,
  mode: ClassifierMode,
): ResNetFeatures {
  const builder = new Builder(parameters, mode);
  const stem = builder.batchNorm(builder.convolution(stemInput, "conv1", 64, 7, 2), "bn1");
  // The largest of rectified values is the rectified largest value: so the rectifier has a quarter of the work.
  let x = relu(maxPool2d(stem, { kernel: 3, stride: 2, padding: 1 }));
  const drawOf = mode === "evaluation" ? undefined : dropDraws();
  let drops = 0;
  let layer4First = x;
  const ends = { 1: x, 2: x, 3: x, 4: x };
  for (const { stage, index, stride, dropAfter } of planBlocks(depth)) {
    const name = `layer${stage}.${index}`;
    const width = 32 * 2 ** stage;
    x =
      depth === 50
        ? builder.bottleneckBlock(x, name, width, stride)
        : builder.basicBlock(x, name, width, stride);
    if (stage === 4 && index === 0) layer4First = x;
    if (dropAfter && drawOf !== undefined) {
      x = attentionDropout(x, drawOf(drops++), dropThreshold);
    }
    ends[stage] = x;
  }
  return {
    levels: { 4: ends[1], 8: ends[2], 16: x },
    features: { "layer4-first": layer4First, "layer4-last": x },
    buffers: builder.buffers,
  };
}

/**
 * The patch classifier: {@link resNetFeatures} and, as fourth input channel, the image's high-frequency content (paper
 * section 2).
 *
 * @param image RGB in [0, 1], [N, 3, H, W].
 * @param mode other than in evaluation the graph has the further input `dropDrawInput`.
 */
export function resNetAdl(
  parameters: ParameterSource,
  image: Value,
  options: ResNetAdlOptions,
  mode: ClassifierMode,
): ResNetAdl {
  const stemInput = options.highFrequency ? concat([image, highFrequencyChannel(image)], 1) : image;
  const { features, buffers } = resNetFeatures(parameters, stemInput, options, mode);
  const last = features["layer4-last"];
  const [batch, channels] = shape4(last, "classifier head");
  const headWeight = parameters.get("fc.weight", [1, channels]);
  const pooled = mean(reshape(last, [batch, channels, -1]), [2]);
  const logits = add(matmul(pooled, headWeight, { transposeB: true }), parameters.get("fc.bias", [1]));
  return { logits: reshape(logits, [batch]), features, headWeight, buffers };
}

/** Class activation map before ReLU (Zhou et al., 2016): head weights · features, [N, h, w]. */
export function classActivationMap({ features, headWeight }: ResNetAdl, layer: CamLayer): Value {
  const [batch, channels, height, width] = shape4(features[layer], "class activation map");
  const flat = reshape(features[layer], [batch, channels, height * width]);
  return reshape(matmul(headWeight, flat), [batch, height, width]);
}
