import { floats, input, subtract, type Value } from "../../graph/index.js";
import type { BackboneEntry } from "../backbones/index.js";
import { pyramidGraph } from "../pyramid/index.js";
import { levelsOf, storedFeatures } from "../seen-features.js";
import type { StateDict } from "../weights/index.js";
import { encodeWithOpenSize } from "./dynamic-size.js";
import { encodeOnnxFile } from "./onnx-file.js";

export interface PyramidExport {
  /** `pyramid.*`, `backbone.*` and `standardisation.*`. */
  readonly weights: StateDict;
  readonly entry: BackboneEntry;
  /** Side of the images in pixels, a multiple of 32. */
  readonly side: number;
  /** The logit that separates tumour from other tissue; subtracted. */
  readonly offset: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * A feature pyramid with its backbone as an ONNX file. Input `images` [N, 3, side, side], RGB from 0 to 255; output
 * `logits` [N, side, side], above 0 for foreground. Our own masks may average four flips; one run gives one of them.
 * @throws EpSamError `weights` when a weight is absent, `shape` when one has another shape
 */
export function encodePyramidOnnx({ weights, entry, side, offset, metadata }: PyramidExport): Uint8Array {
  const size = { width: side, height: side };
  const bind = new Map([...weights].filter(([name]) => name.startsWith("pyramid.")));
  const build = (batch: number): Record<string, Value> => {
    const features = storedFeatures(entry, input("images", [batch, 3, side, side]), weights);
    const { logits } = pyramidGraph(batch, levelsOf(entry, size), size, features);
    return { logits: subtract(logits, floats(offset)) };
  };
  return encodeOnnxFile(encodeWithOpenSize(build, "batch", { target: "gpu", bind }), {
    input: "images: RGB from 0 to 255, 32-bit float, [batch, 3, height, width]",
    ...metadata,
  });
}
