import { EpSamError } from "../../common/index.js";
import { formatShape, type Shape } from "../../graph/index.js";
import { type ExpectedTensor, matchStateDict } from "../weights/index.js";

/** The published sizes of SAM's image encoder. */
export const vitVariants = ["vit-b", "vit-l", "vit-h"] as const;
export type VitVariant = (typeof vitVariants)[number];

/** What decides the shape of the encoder's graph. */
export interface VitArchitecture {
  /** Channels of a token, a multiple of `heads`. */
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  /** Blocks whose tokens attend to the whole image; the others attend within windows. */
  readonly globalBlocks: readonly number[];
  /** Side of a window in tokens. */
  readonly windowSize: number;
  /** Side of the image in tokens. */
  readonly gridSize: number;
  /** Channels of the embedding. */
  readonly outputChannels: number;
}

const common = { windowSize: 14, gridSize: 64, outputChannels: 256 } as const;

/** A published size: what all three share. */
type PublishedArchitecture = VitArchitecture & typeof common;

/** Side of the square of pixels that becomes a token. */
export const PATCH_SIZE = 16;
/** Width of a block's hidden layer over the token's. */
export const MLP_RATIO = 4;
/** The part of a SAM state dict that the encoder is. */
export const ENCODER_PREFIX = "image_encoder";

/** Sizes of the variants (segment-anything's `build_sam.py`; Kirillov et al., 2023, section 3). */
export const vitArchitectures: Readonly<Record<VitVariant, PublishedArchitecture>> = {
  "vit-b": { ...common, width: 768, depth: 12, heads: 12, globalBlocks: [2, 5, 8, 11] },
  "vit-l": { ...common, width: 1024, depth: 24, heads: 16, globalBlocks: [5, 11, 17, 23] },
  "vit-h": { ...common, width: 1280, depth: 32, heads: 16, globalBlocks: [7, 15, 23, 31] },
};

/** Shapes by name, of a state dict or of a file that is not read yet. */
export type NamedShapes = ReadonlyMap<string, { readonly shape: Shape }>;

/** The tensors whose names begin with `image_encoder.`. */
export function encoderPart<Tensor>(tensors: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> {
  return new Map([...tensors].filter(([name]) => name.startsWith(`${ENCODER_PREFIX}.`)));
}

/** The name of one of the encoder's parameters in a SAM state dict. */
export const encoderTensor = (name: string): string => `${ENCODER_PREFIX}.${name}`;

/**
 * Which variant the encoder in a state dict is, by the width of its patch embedding and its number of blocks.
 * @throws EpSamError `weights` when there is no encoder in it, or none of the three
 */
export function detectVitVariant(tensors: NamedShapes, { file }: { readonly file: string }): VitVariant {
  const part = encoderPart(tensors);
  const width = part.get(encoderTensor("patch_embed.proj.weight"))?.shape[0];
  if (width === undefined) {
    const examples = [...(part.size > 0 ? part : tensors).keys()].slice(0, 3).join(", ");
    throw new EpSamError("weights", {
      what: "does not hold SAM's ViT image encoder",
      where: file,
      why: `there is no ${encoderTensor("patch_embed.proj.weight")}; it begins with ${examples || "nothing"}`,
      action: "Use a checkpoint of SAM ViT-B, ViT-L or ViT-H, or one fine-tuned from it such as MedSAM.",
    });
  }
  const depth = blockCount(part);
  const found = vitVariants.find((variant) => {
    const architecture = vitArchitectures[variant];
    return architecture.width === width && architecture.depth === depth;
  });
  if (found !== undefined) return found;
  throw new EpSamError("weights", {
    what: `holds an image encoder of width ${width} with ${depth} blocks`,
    where: file,
    why: `known are ${vitVariants.map(describeVariant).join(", ")}`,
    action: "Use a checkpoint of SAM ViT-B, ViT-L or ViT-H, or one fine-tuned from it such as MedSAM.",
  });
}

function describeVariant(variant: VitVariant): string {
  const { width, depth } = vitArchitectures[variant];
  return `${variant} (width ${width}, ${depth} blocks)`;
}

function blockCount(part: NamedShapes): number {
  const indices = [...part.keys()].flatMap((name) => /^image_encoder\.blocks\.(\d+)\./.exec(name)?.[1] ?? []);
  return Math.max(-1, ...indices.map(Number)) + 1;
}

/**
 * Names and shapes of the encoder's parameters as in the original state dict. Tables of relative positions may
 * have another length than their block needs, as in checkpoints for another input size; `actual` tells.
 */
export function vitTensors(architecture: VitArchitecture, actual: NamedShapes = new Map()): ExpectedTensor[] {
  const { width, depth, heads, gridSize, outputChannels: out } = architecture;
  const blocks = Array.from({ length: depth }, (_, index) => {
    const side = attentionSide(architecture, index);
    return blockTensors(width)
      .concat(
        ["attn.rel_pos_h", "attn.rel_pos_w"].map((name) => {
          const length = actual.get(encoderTensor(`blocks.${index}.${name}`))?.shape[0] ?? 2 * side - 1;
          return { name, shape: [length, width / heads] };
        }),
      )
      .map(({ name, shape }) => ({ name: `blocks.${index}.${name}`, shape }));
  });
  const tensors: ExpectedTensor[] = [
    { name: "pos_embed", shape: [1, gridSize, gridSize, width] },
    { name: "patch_embed.proj.weight", shape: [width, 3, PATCH_SIZE, PATCH_SIZE] },
    { name: "patch_embed.proj.bias", shape: [width] },
    ...blocks.flat(),
    { name: "neck.0.weight", shape: [out, width, 1, 1] },
    ...normTensors("neck.1", out),
    { name: "neck.2.weight", shape: [out, out, 3, 3] },
    ...normTensors("neck.3", out),
  ];
  return tensors.map(({ name, shape }) => ({ name: encoderTensor(name), shape }));
}

/** Side in tokens of the square that a block's tokens attend to. */
export function attentionSide(
  { globalBlocks, gridSize, windowSize }: VitArchitecture,
  block: number,
): number {
  return globalBlocks.includes(block) ? gridSize : windowSize;
}

function blockTensors(width: number): ExpectedTensor[] {
  const hidden = MLP_RATIO * width;
  return [
    ...normTensors("norm1", width),
    ...linearTensors("attn.qkv", 3 * width, width),
    ...linearTensors("attn.proj", width, width),
    ...normTensors("norm2", width),
    ...linearTensors("mlp.lin1", hidden, width),
    ...linearTensors("mlp.lin2", width, hidden),
  ];
}

function normTensors(name: string, size: number): ExpectedTensor[] {
  return [
    { name: `${name}.weight`, shape: [size] },
    { name: `${name}.bias`, shape: [size] },
  ];
}

function linearTensors(name: string, outputs: number, inputs: number): ExpectedTensor[] {
  return [
    { name: `${name}.weight`, shape: [outputs, inputs] },
    { name: `${name}.bias`, shape: [outputs] },
  ];
}

/**
 * Checks that a state dict's `image_encoder.…` part is that of the architecture, whatever else it holds.
 * @throws EpSamError `weights` listing what is missing, surplus or of another shape
 */
export function requireVitTensors(
  architecture: VitArchitecture,
  tensors: NamedShapes,
  { file }: { readonly file: string },
): void {
  const part = encoderPart(tensors);
  const position = part.get(encoderTensor("pos_embed"))?.shape;
  const { gridSize, width } = architecture;
  if (position !== undefined && position[3] === width && position[1] !== gridSize) {
    throw new EpSamError("weights", {
      what: "holds an image encoder for another input size",
      where: file,
      why: `${encoderTensor("pos_embed")} is ${formatShape(position)}, so its images have ${(position[1] ?? 0) * PATCH_SIZE} pixels a side and not ${gridSize * PATCH_SIZE}`,
      action: `Use a checkpoint for ${gridSize * PATCH_SIZE}-pixel images, as the published ones are.`,
    });
  }
  matchStateDict(vitTensors(architecture, part), part, { file });
}
