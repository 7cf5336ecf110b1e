import { EpSamError } from "../../common/index.js";
import {
  bilinearMatrix,
  type FloatMap,
  type RgbImage,
  resizeFloatMap,
  resizeRgb,
} from "../../imaging/index.js";

/** Side of SAM's square input, in pixels. */
export const SAM_INPUT_SIZE = 1024;
/** Side of the logits the mask decoder gives, in pixels. */
export const LOW_RESOLUTION_SIZE = 256;

/** `patch`: pixels of the patch or image as given. `sam-input`: pixels of SAM's 1024×1024 input. */
export type CoordinateSpace = "patch" | "sam-input";

/** Point prompts; the coordinates' space is part of the type. */
export interface Points<Space extends CoordinateSpace> {
  readonly space: Space;
  /** [count, 2] as x, y in pixels. */
  readonly coordinates: Float32Array;
  /** [count]; 1 foreground, 0 background. */
  readonly labels: Float32Array;
}

/** Box prompts; the coordinates' space is part of the type. */
export interface Boxes<Space extends CoordinateSpace> {
  readonly space: Space;
  /** [count, 4] as left, top, right, bottom in pixels. */
  readonly corners: Float32Array;
}

/**
 * Which frame the prompts' coordinates are given to SAM in. `model`: scaled with the image. `patch`: left as
 * they are, as the released EP-SAM code does by mistake; only for decoders trained that way.
 */
export type PromptFrame = "model" | "patch";

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Everything that takes one patch size to SAM's input and back: image and coordinates cannot part ways. */
export interface SamFrame {
  /** Size of the patch, in pixels. */
  readonly patch: Size;
  /** Size of the resized patch inside SAM's square input; the rest, right and below, is padding. */
  readonly resized: Size;
  readonly frame: PromptFrame;
  /**
   * The patch resized so that its longest side fills SAM's input (Pillow's bilinear filter).
   * Padding follows after normalisation, where zero is the mean colour.
   * @throws EpSamError `shape` when the image is not of this frame's patch size
   */
  transformImage(image: RgbImage): RgbImage;
  transformPoints(points: Points<"patch">): Points<"sam-input">;
  transformBoxes(boxes: Boxes<"patch">): Boxes<"sam-input">;
  /**
   * Logits over the patch as SAM's mask prompt [256, 256], row-major: scaled with the image, `outside` where the
   * input is padding.
   * @param logits over the whole patch, at any resolution
   */
  transformMaskPrompt(logits: FloatMap, outside: number): Float32Array;
  /** A of {@link SamFrame.outputMatrixColumns}: [patch height, 256], row-major. */
  outputMatrixRows(): Float32Array;
  /**
   * B [patch width, 256], row-major: logits of the patch = A · low-resolution logits · Bᵀ. This is SAM's
   * `postprocess_masks` (256 → 1024 bilinear, crop the padding, bilinear to the patch), which is linear and
   * separable, folded into two constant matrices.
   */
  outputMatrixColumns(): Float32Array;
}

/** Foreground points in patch pixels from [count, 2] coordinates, or with the labels given. */
export function patchPoints(coordinates: Float32Array, labels?: Float32Array): Points<"patch"> {
  return { space: "patch", coordinates, labels: labels ?? new Float32Array(coordinates.length / 2).fill(1) };
}

/**
 * The transforms between a patch of the given size and SAM's input (segment-anything's `ResizeLongestSide`).
 * @throws EpSamError `shape` when a side is not a positive whole number
 */
export function createSamFrame(
  patch: Size,
  { inputSize = SAM_INPUT_SIZE, frame = "model" }: { inputSize?: number; frame?: PromptFrame } = {},
): SamFrame {
  checkSize(patch);
  const resized = resizedSize(patch, inputSize);
  const scale: Size =
    frame === "model"
      ? { width: resized.width / patch.width, height: resized.height / patch.height }
      : { width: 1, height: 1 };
  return {
    patch: { width: patch.width, height: patch.height },
    resized,
    frame,
    transformImage: (image) => {
      checkImage(image, patch);
      return resizeRgb(image, resized.width, resized.height, "bilinear");
    },
    transformPoints: ({ coordinates, labels }) => ({
      space: "sam-input",
      coordinates: scaled(coordinates, scale),
      labels,
    }),
    transformBoxes: ({ corners }) => ({ space: "sam-input", corners: scaled(corners, scale) }),
    transformMaskPrompt: (logits, outside) => maskPrompt(logits, resized, inputSize, outside),
    outputMatrixRows: () => outputMatrix(patch.height, resized.height, inputSize),
    outputMatrixColumns: () => outputMatrix(patch.width, resized.width, inputSize),
  };
}

/** segment-anything's `get_preprocess_shape`: scale by the longest side, round half up. */
function resizedSize({ width, height }: Size, inputSize: number): Size {
  const scale = inputSize / Math.max(width, height);
  return {
    width: Math.max(1, Math.floor(width * scale + 0.5)),
    height: Math.max(1, Math.floor(height * scale + 0.5)),
  };
}

/** Alternating x and y values, each times its axis' scale. */
function scaled(values: Float32Array, scale: Size): Float32Array {
  return values.map((value, index) => value * (index % 2 === 0 ? scale.width : scale.height));
}

/** SAM's mask prompts have the resolution of its logits, a quarter of the input's. */
function maskPrompt(logits: FloatMap, resized: Size, inputSize: number, outside: number): Float32Array {
  const scale = LOW_RESOLUTION_SIZE / inputSize;
  const width = Math.max(1, Math.round(resized.width * scale));
  const height = Math.max(1, Math.round(resized.height * scale));
  const { data } = resizeFloatMap(logits, width, height);
  const prompt = new Float32Array(LOW_RESOLUTION_SIZE * LOW_RESOLUTION_SIZE).fill(outside);
  for (let row = 0; row < height; row++) {
    prompt.set(data.subarray(row * width, (row + 1) * width), row * LOW_RESOLUTION_SIZE);
  }
  return prompt;
}

/** [patchSize, 256]: upsampling to the model's input, its first `resizedSize` rows, then to the patch. */
function outputMatrix(patchSize: number, resizedLength: number, inputSize: number): Float32Array {
  const toInput = bilinearMatrix(inputSize, LOW_RESOLUTION_SIZE);
  const toPatch = bilinearMatrix(patchSize, resizedLength);
  const folded = new Float32Array(patchSize * LOW_RESOLUTION_SIZE);
  const row = new Float64Array(LOW_RESOLUTION_SIZE);
  for (let output = 0; output < patchSize; output++) {
    row.fill(0);
    for (let middle = 0; middle < resizedLength; middle++) {
      const weight = toPatch[output * resizedLength + middle] ?? 0;
      if (weight === 0) continue;
      for (let low = 0; low < LOW_RESOLUTION_SIZE; low++) {
        row[low] = (row[low] ?? 0) + weight * (toInput[middle * LOW_RESOLUTION_SIZE + low] ?? 0);
      }
    }
    folded.set(row, output * LOW_RESOLUTION_SIZE);
  }
  return folded;
}

function checkSize({ width, height }: Size): void {
  if (Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0) return;
  throw new EpSamError("shape", { what: `a patch cannot be ${width}×${height} pixels` });
}

function checkImage(image: RgbImage, patch: Size): void {
  if (image.width === patch.width && image.height === patch.height) return;
  throw new EpSamError("shape", {
    what: `an image of ${image.width}×${image.height} pixels was given to the transforms of ${patch.width}×${patch.height}`,
    action: "Create the frame from this image's own size.",
  });
}
