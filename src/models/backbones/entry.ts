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

/** What a backbone's graph is built for. Batch normalisation always keeps its running statistics. */
export interface BackboneOptions {
  /** Adds the image's high-frequency content as the fourth channel of the first convolution; false unless told. */
  readonly highFrequency?: boolean | undefined;
  /**
   * Adds attention dropout layers, for training: attention above this share of its maximum is dropped as the further input
   * `dropDrawInput` says. None unless told, as in evaluation.
   */
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
  /** The stride of the stage that a tensor is of: 2 before the finest level, else that of the level which the stage makes. */
  strideOf(name: string): 2 | LevelStride;
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
