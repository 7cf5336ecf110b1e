import type { Shape } from "../../graph/index.js";
import type { StoredTensor } from "./element-types.js";

/** What a weight file says of a tensor before its values are read. */
export interface StoredTensorInfo {
  readonly shape: Shape;
  /** PyTorch's name of the element type in the file, for example `float16`; reading widens it. */
  readonly elementType: string;
}

/** Where a tensor's values lie. */
export interface TensorPlace {
  readonly file: string;
  /** Bytes before them. */
  readonly offset: number;
}

/** An open file of weights; values are read one tensor at a time. Close it after use. */
export interface WeightFile {
  readonly path: string;
  readonly format: "safetensors" | "pytorch" | "onnx";
  /** Tensors by name, in the file's order. */
  readonly tensors: ReadonlyMap<string, StoredTensorInfo>;
  /** What the file holds beside these tensors, by name: epochs, optimizer states, other entries. */
  readonly others: readonly string[];
  /** Texts that describe the file; empty when it has none. */
  readonly metadata: ReadonlyMap<string, string>;
  /** @throws EpSamError `weights` when there is no such tensor, or its bytes are not there */
  read(name: string): Promise<StoredTensor>;
  /** Where a tensor's values lie as float32 of little-endian bytes; undefined where they do not. */
  place?(name: string): TensorPlace | undefined;
  close(): Promise<void>;
}
