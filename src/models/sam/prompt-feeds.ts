import { EpSamError } from "../../common/index.js";
import { type FloatTensor, floatTensor, type HostTensors } from "../../graph/index.js";
import type { FloatMap } from "../../imaging/index.js";
import { decoderInputs } from "./decoder-graph.js";
import { LOW_RESOLUTION_SIZE, type Points, type SamFrame } from "./transforms.js";

/** Label of a slot that holds no point. */
const paddingLabel = -1;

/** Logit of a mask prompt where SAM's input is padding: certainly no foreground. */
const outsideLogit = -10;

/** What SAM is told about one patch. */
export interface PatchPrompt {
  readonly points: Points<"patch">;
  /** Logits over the whole patch at any resolution, for decoders that take a mask prompt. */
  readonly mask?: FloatMap | undefined;
}

/** The point prompts of several images as the graph's feeds. */
export interface PointFeeds {
  /** [B, N, 2]. */
  readonly coordinates: FloatTensor;
  /** [B, N]; slots beyond an image's points carry the label of SAM's padding point. */
  readonly labels: FloatTensor;
}

/** Stacks the points of several images; each keeps its first `count`. */
export function batchPoints(prompts: readonly Points<"sam-input">[], count: number): PointFeeds {
  const coordinates = new Float32Array(prompts.length * count * 2);
  const labels = new Float32Array(prompts.length * count).fill(paddingLabel);
  prompts.forEach((points, index) => {
    coordinates.set(points.coordinates.subarray(0, 2 * count), index * count * 2);
    labels.set(points.labels.subarray(0, count), index * count);
  });
  return {
    coordinates: floatTensor([prompts.length, count, 2], coordinates),
    labels: floatTensor([prompts.length, count], labels),
  };
}

/**
 * The prompts of several patches as the decoder graph's feeds.
 * @param options those the graph was built with; without `maskPrompt`, masks are left out, and with 0 points points
 * @throws EpSamError `shape` when the graph takes a mask prompt and a patch has none
 */
export function promptFeeds(
  prompts: readonly PatchPrompt[],
  frame: SamFrame,
  { points, maskPrompt = false }: { readonly points: number; readonly maskPrompt?: boolean | undefined },
): HostTensors {
  return {
    ...(points === 0 ? {} : pointTensors(prompts, frame, points)),
    ...(maskPrompt ? { [decoderInputs.maskPrompt]: maskTensor(prompts, frame) } : {}),
  };
}

function pointTensors(prompts: readonly PatchPrompt[], frame: SamFrame, count: number): HostTensors {
  const points = prompts.map((prompt) => frame.transformPoints(prompt.points));
  const { coordinates, labels } = batchPoints(points, count);
  return { [decoderInputs.coordinates]: coordinates, [decoderInputs.labels]: labels };
}

function maskTensor(prompts: readonly PatchPrompt[], frame: SamFrame): FloatTensor {
  const pixels = LOW_RESOLUTION_SIZE * LOW_RESOLUTION_SIZE;
  const data = new Float32Array(prompts.length * pixels);
  prompts.forEach(({ mask }, index) => {
    if (mask === undefined) {
      throw new EpSamError("shape", {
        what: `patch ${index + 1} of the batch has no mask prompt`,
        where: "promptFeeds",
      });
    }
    data.set(frame.transformMaskPrompt(mask, outsideLogit), index * pixels);
  });
  return floatTensor([prompts.length, 1, LOW_RESOLUTION_SIZE, LOW_RESOLUTION_SIZE], data);
}
