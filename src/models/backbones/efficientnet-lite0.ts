import {
  add,
  conv2d,
  depthwiseConv2d,
  pad,
  relu6,
  type Sides,
  scaleOutputs,
  shape4,
  type Value,
} from "../../graph/index.js";
import { batchNormAffine, type ParameterSource } from "../../nn/index.js";
import { attentionDropout, dropDraws } from "../attention-dropout.js";
import type { BackboneEntry, BackboneOptions, LevelFeatures } from "./entry.js";
import { stemInput } from "./input.js";

/** TensorFlow's default for EfficientNet. */
const EPSILON = 1e-3;
const STEM_CHANNELS = 32;

interface Block {
  readonly kernel: 3 | 5;
  readonly stride: 1 | 2;
  /** How many times wider the block is inside than its input. */
  readonly expansion: 1 | 6;
  readonly channels: number;
}

const block = (
  kernel: Block["kernel"],
  stride: Block["stride"],
  expansion: Block["expansion"],
  channels: number,
): Block => ({ kernel, stride, expansion, channels });

/** Blocks 0 to 10 (Tan and Le, 2019, table 1); the five that follow have stride 32. */
const BLOCKS: readonly Block[] = [
  block(3, 1, 1, 16),
  block(3, 2, 6, 24),
  block(3, 1, 6, 24),
  block(5, 2, 6, 40),
  block(5, 1, 6, 40),
  block(3, 2, 6, 80),
  block(3, 1, 6, 80),
  block(3, 1, 6, 80),
  block(5, 1, 6, 112),
  block(5, 1, 6, 112),
  block(5, 1, 6, 112),
];

/** The block that ends each level. */
const LEVEL_ENDS = { 4: 2, 8: 4, 16: 10 } as const;

/** EfficientNet-Lite0: no squeeze-and-excitation, ReLU6, linear bottlenecks. */
export const efficientNetLite0: BackboneEntry = {
  name: "efficientnet-lite0",
  title: "EfficientNet-Lite0 of ImageNet, to stride 16",
  levels: [
    { stride: 4, channels: 24 },
    { stride: 8, channels: 40 },
    { stride: 16, channels: 112 },
  ],
  normalisation: { mean: [127, 127, 127], deviation: [128, 128, 128] },
  padding: "same",
  licence: "Apache-2.0 (ML Illustrated, converted from TensorFlow's weights)",
  embedded: "efficientnet-lite0-stride16.safetensors",
  stem: "_conv_stem.weight",
  strideOf(name) {
    const block = Number(/^_blocks\.(\d+)\./.exec(name)?.[1] ?? 0);
    if (block === 0) return 2;
    return block <= LEVEL_ENDS[4] ? 4 : block <= LEVEL_ENDS[8] ? 8 : 16;
  },
  beyond: /^(_blocks\.1[1-5]\.|_conv_head\.|_bn1\.|_fc\.)/,
  features,
};

function features(
  images: Value,
  parameters: ParameterSource,
  { highFrequency = false, dropThreshold }: BackboneOptions,
): LevelFeatures {
  const layers = new Layers(parameters);
  const levelEnds: readonly number[] = Object.values(LEVEL_ENDS);
  const drawOf = dropThreshold === undefined ? undefined : dropDraws();
  let x = layers.stem(stemInput(images, efficientNetLite0.normalisation, highFrequency));
  const ends = BLOCKS.map((plan, index) => {
    x = layers.block(x, `_blocks.${index}`, plan);
    const level = levelEnds.indexOf(index);
    // What follows sees what is left.
    if (drawOf !== undefined && dropThreshold !== undefined && level >= 0) {
      x = attentionDropout(x, drawOf(level), dropThreshold);
    }
    return x;
  });
  return { 4: ends[LEVEL_ENDS[4]], 8: ends[LEVEL_ENDS[8]], 16: ends[LEVEL_ENDS[16]] };
}

/** Layers by state-dict name; batch normalisation goes into the convolution before it. */
class Layers {
  readonly #parameters: ParameterSource;

  constructor(parameters: ParameterSource) {
    this.#parameters = parameters;
  }

  stem(x: Value): Value {
    const [, channels] = shape4(x, "EfficientNet-Lite0");
    const { weight, bias } = this.#normalised("_conv_stem.weight", "_bn0", [STEM_CHANNELS, channels, 3, 3]);
    const [top, left, bottom, right] = samePadding(x, 3, 2);
    // ONNX Runtime takes the zeros into the convolution.
    const padded = pad(x, [
      { axis: 2, before: top, after: bottom },
      { axis: 3, before: left, after: right },
    ]);
    return relu6(conv2d(padded, weight, { bias, stride: 2 }));
  }

  block(x: Value, name: string, { kernel, stride, expansion, channels }: Block): Value {
    const [, inputs] = shape4(x, name);
    const width = inputs * expansion;
    const wide =
      expansion === 1 ? x : relu6(this.#pointwise(x, `${name}._expand_conv`, `${name}._bn0`, width));
    const { weight, bias } = this.#normalised(`${name}._depthwise_conv.weight`, `${name}._bn1`, [
      width,
      1,
      kernel,
      kernel,
    ]);
    const padding = samePadding(wide, kernel, stride);
    const filtered = relu6(depthwiseConv2d(wide, weight, { bias, stride, padding }));
    const narrow = this.#pointwise(filtered, `${name}._project_conv`, `${name}._bn2`, channels);
    return stride === 1 && inputs === channels ? add(narrow, x) : narrow;
  }

  #pointwise(x: Value, convolution: string, norm: string, outputs: number): Value {
    const [, inputs] = shape4(x, convolution);
    const { weight, bias } = this.#normalised(`${convolution}.weight`, norm, [outputs, inputs, 1, 1]);
    return conv2d(x, weight, { bias });
  }

  #normalised(name: string, norm: string, shape: readonly number[]): { weight: Value; bias: Value } {
    const channels = [shape[0] ?? 0];
    const { factor, shift } = batchNormAffine(
      {
        weight: this.#parameters.get(`${norm}.weight`, channels),
        bias: this.#parameters.get(`${norm}.bias`, channels),
        runningMean: this.#parameters.buffer(`${norm}.running_mean`, channels),
        runningVariance: this.#parameters.buffer(`${norm}.running_var`, channels),
      },
      EPSILON,
    );
    return { weight: scaleOutputs(this.#parameters.get(name, shape), factor), bias: shift };
  }
}

/** TensorFlow's "same": ⌈length / stride⌉ results; of an odd number of zeros the last goes after. */
function samePadding(x: Value, kernel: number, stride: number): Sides {
  const [, , height, width] = shape4(x, "EfficientNet-Lite0");
  const along = (length: number) => {
    const total = Math.max((Math.ceil(length / stride) - 1) * stride + kernel - length, 0);
    return [Math.floor(total / 2), Math.ceil(total / 2)] as const;
  };
  const [[top, bottom], [left, right]] = [along(height), along(width)];
  return [top, left, bottom, right];
}
