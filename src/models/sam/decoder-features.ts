import {
  add,
  axisSize,
  constant,
  conv2d,
  floatTensor,
  matmul,
  reshape,
  separable,
  shape4,
  transpose,
  type Value,
} from "../../graph/index.js";
import { bilinearMatrix } from "../../imaging/index.js";
import { lookupWithin, type ParameterLookup } from "../../nn/index.js";
import { FEATURE_STRIDES, type FeatureLevels, type FeatureStride } from "../feature-levels.js";
import { EMBEDDING_SIZE, EMBEDDING_WIDTH } from "./prompt-encoder.js";
import { SAM_INPUT_SIZE, type SamFrame } from "./transforms.js";

/** Channels of the mask decoder at the resolution that a level is added at. */
const WIDTHS: Readonly<Record<FeatureStride, number>> = {
  16: EMBEDDING_WIDTH,
  8: EMBEDDING_WIDTH / 4,
  4: EMBEDDING_WIDTH / 8,
};

/** Side of SAM's maps that a level is added to: 64, 128 and 256. */
const sideOf = (stride: FeatureStride): number => (EMBEDDING_SIZE * 16) / stride;

/** A classifier's features in the layouts that the mask decoder adds them in. */
export interface DecoderFeatures {
  /** Added to the image embedding, [B, 256, 64, 64]. */
  readonly embedding: Value;
  /** Added after the first doubling of the resolution, [B · 4096 · 4, 64], see {@link nestedInFrame}. */
  readonly half: Value;
  /** Added after the second, [B · 4096 · 16, 32]. */
  readonly full: Value;
}

/** Names and shapes of the projections' parameters, within `mask_decoder`. */
export function featureProjectionShapes(
  channels: Readonly<Record<FeatureStride, number>>,
): { readonly name: string; readonly shape: readonly number[] }[] {
  return FEATURE_STRIDES.flatMap((stride) => [
    { name: `feature_projections.${stride}.weight`, shape: [WIDTHS[stride], channels[stride], 1, 1] },
    { name: `feature_projections.${stride}.bias`, shape: [WIDTHS[stride]] },
  ]);
}

/**
 * Projects a classifier's features for SAM's mask decoder and brings them to its resolutions: level 16 to the image
 * embedding, levels 8 and 4 to the two steps of its upscaling, as SAM 2's decoder takes its high-resolution features
 * (Ravi et al., 2024, section 4). Projections that are zero leave SAM as it is.
 * @param parameters of the mask decoder: `feature_projections.<stride>.weight` and `.bias`
 */
export function decoderFeatures(
  parameters: ParameterLookup,
  features: FeatureLevels,
  frame: Pick<SamFrame, "resized">,
): DecoderFeatures {
  const projected = (stride: FeatureStride): Value => {
    const own = lookupWithin(parameters, `feature_projections.${stride}`);
    const width = WIDTHS[stride];
    const weight = own("weight", [width, axisSize(features[stride].shape, 1), 1, 1]);
    return add(
      conv2d(features[stride], weight, { stride: 1, padding: 0 }),
      reshape(own("bias", [width]), [1, width, 1, 1]),
    );
  };
  return {
    embedding: inFrame(projected(16), sideOf(16), frame),
    half: nestedInFrame(projected(8), sideOf(8), frame),
    full: nestedInFrame(projected(4), sideOf(4), frame),
  };
}

/** A map of the patch in SAM's frame, bilinearly: [B, C, h, w] → [B, C, side, side], zero outside the patch. */
function inFrame(map: Value, side: number, frame: Pick<SamFrame, "resized">): Value {
  const { rows, columns } = placement(map, side, frame);
  return separable(map, rows, columns);
}

/**
 * As {@link inFrame}, with pixels in the order of repeated doublings: the 64 × 64 pixels of the embedding row by row,
 * within each its four children, upper left first, and so on. [B, C, h, w] → [B · 4096 · 4ⁿ, C] for a side of 64 · 2ⁿ.
 */
function nestedInFrame(map: Value, side: number, frame: Pick<SamFrame, "resized">): Value {
  const [batch, channels, height, width] = shape4(map, "decoderFeatures");
  const { rows, columns } = placement(map, side, frame);
  // Both products put their axis outermost, so that only rows of all channels of a pixel are left to be moved.
  const byColumn = matmul(columns, reshape(map, [batch * channels * height, width]), { transposeB: true });
  const slices = reshape(byColumn, [side, batch * channels, height]);
  const pixels = matmul(rows, slices, { transposeB: true });
  const doublings = Math.log2(side / EMBEDDING_SIZE);
  const axis = [EMBEDDING_SIZE, ...Array.from({ length: doublings }, () => 2)];
  const split = reshape(pixels, [...axis, ...axis, batch, channels]);
  const levels = axis.flatMap((_, level) => [axis.length + level, level]);
  return reshape(transpose(split, [2 * axis.length, ...levels, 2 * axis.length + 1]), [-1, channels]);
}

function placement(map: Value, side: number, { resized }: Pick<SamFrame, "resized">) {
  const [, , height, width] = shape4(map, "decoderFeatures");
  return {
    rows: placementMatrix(side, resized.height, height),
    columns: placementMatrix(side, resized.width, width),
  };
}

/** [side, cells]: bilinear resampling to the part of an axis that the patch takes, zeros for the rest. */
function placementMatrix(side: number, resizedLength: number, cells: number): Value {
  const taken = Math.max(1, Math.round((resizedLength * side) / SAM_INPUT_SIZE));
  const matrix = new Float32Array(side * cells);
  matrix.set(bilinearMatrix(taken, cells));
  return constant(floatTensor([side, cells], matrix));
}
