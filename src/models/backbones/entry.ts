import type { Value } from "../../graph/index.js";
import type { ParameterSource } from "../../nn/index.js";

/** A level's stride: image pixels between neighbouring cells. */
export type LevelStride = 4 | 8 | 16;

/** One resolution of a backbone's features. */
export interface BackboneLevel {
  readonly stride: LevelStride;
  readonly channels: number;
}

/** Features [N, C, ⌈H/stride⌉, ⌈W/stride⌉] by stride; a backbone need not have all strides. */
export type LevelFeatures = { readonly [Stride in LevelStride]?: Value | undefined };

/** What a backbone's graph is built for. */
export interface BackboneOptions {
  /**
   * In `training` layers that draw at random draw (attention dropout, where a backbone has it: the graph then has the
   * input `dropDrawInput`). Batch normalisation keeps its running statistics in either.
   */
  readonly mode: "evaluation" | "training";
  /** Adds the image's high-frequency content as the fourth channel of the first convolution; false unless told. */
  readonly highFrequency?: boolean | undefined;
  /** Attention above this share of its maximum is dropped; 0.8 unless told. */
  readonly dropThreshold?: number | undefined;
}

/** A pretrained network whose features a model can be built on. */
export interface BackboneEntry {
  readonly name: string;
  readonly title: string;
  /** Finest first. */
  readonly levels: readonly BackboneLevel[];
  /** Each 8-bit colour becomes (value − mean) / deviation: red, green, blue. */
  readonly normalisation: {
    readonly mean: readonly [number, number, number];
    readonly deviation: readonly [number, number, number];
  };
  /** `same`: TensorFlow's, the odd pixel after; `symmetric`: PyTorch's, equal on both sides. */
  readonly padding: "same" | "symmetric";
  /** Licence of the usual weights. */
  readonly licence: string;
  /** The file that comes with the package, below `weights/`. */
  readonly embedded?: string | undefined;
  /** The name in the catalogue of `epsam models pull`, where the weights can be fetched. */
  readonly published?: string | undefined;
  /** The weight of the first convolution. */
  readonly stem: string;
  /** Names of the usual checkpoints that belong to layers beyond the last level. */
  readonly beyond: RegExp;
  /** The name here of a tensor of the usual checkpoints; names differ nowhere unless told. */
  renamed?(name: string, all: readonly string[]): string;
  /**
   * The features as a graph.
   * @param images colours from 0 to 255, [N, 3, H, W]
   * @param parameters gives weights by state-dict name, and running statistics as buffers
   */
  features(images: Value, parameters: ParameterSource, options: BackboneOptions): LevelFeatures;
}
